"""The browser tests need a browser and packages of their own: `make test-browser` runs them."""

collect_ignore = ["browser"]
