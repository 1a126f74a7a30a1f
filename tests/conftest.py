"""Browser and site need packages of their own: `make test-browser` and `make test-site`."""

collect_ignore = ["browser", "site"]
