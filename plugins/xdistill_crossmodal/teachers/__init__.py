"""Several teachers: networks of several members, and losses that choose among or weigh them."""
