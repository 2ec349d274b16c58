"""What the page and the server share: bodies, forms, hosts, and room for what arrives."""

MEGA = 1_000_000
