"""What the pages about promotions show: selectors that turn rows and log entries into plain context dictionaries."""
