"""`durwan routes`: what a table of routes says, which route a request takes, and tables made of OpenAPI documents."""
