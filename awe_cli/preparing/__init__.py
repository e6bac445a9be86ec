"""What `awe prepare` will read and how, made definite before a row is read."""
