"""OpenID AuthZEN Authorization API 1.0: whether a subject may do something with a resource, for whoever enforces it."""
