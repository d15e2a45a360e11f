"""Repair a contract before it is generated: 3.1 as 3.0, small mistakes, the overlay, names."""
