"""HTTP servers with limits for strangers: of the directory, and of what nodes tell about themselves."""
