"""The only writer of results, pages, releases and run records."""
