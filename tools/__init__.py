"""The contract pipeline: from the vendor's pages to the generated client; never shipped."""
