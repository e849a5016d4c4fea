"""An index kept like folders: `watch` waits for events, `sync` indexes what changed, `catalogue` holds what was read."""
