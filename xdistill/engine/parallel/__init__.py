"""One fold computed by several processes together, data-parallel."""
