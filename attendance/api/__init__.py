"""HTTP routes and the guard around everything that the server answers; mounted in the same server as the pages."""
