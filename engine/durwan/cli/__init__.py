"""The commands that people type: one thin file each, imported only when it is called."""
