package disk

// ReadOnlyPerm leaves objects writable: Windows can neither sync nor remove a file that is read-only.
const ReadOnlyPerm = 0o644

// dontWait is not needed: named pipes are not in directories.
const dontWait = 0
