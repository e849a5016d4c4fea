"""An index kept like folders: `watch` waits, `scanner` compares with `catalogue`, `sync` writes, `places` tells what is away."""
