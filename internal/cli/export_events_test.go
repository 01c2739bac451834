package cli

// EventLevels for tests.
var EventLevels = eventLevels
