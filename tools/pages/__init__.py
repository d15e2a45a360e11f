"""From the vendor's pages to one contract: read them, fix their YAML, check their hosts, merge."""
