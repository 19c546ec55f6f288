"""What is decided: seeded requests, the policy in durwan's language, the plain reference and the hand-written limit."""
