package cli

import (
	"context"
	"log/slog"

	"github.com/pawlauth/pawl"
	"github.com/pawlauth/pawl/internal/config"
)

// newLog makes the log of a server.
func (a *app) newLog(cfg *config.Config) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(cfg.LogLevel)); err != nil {
		panic(err) // package config lets four names through, all known to slog
	}
	o := &slog.HandlerOptions{Level: level}
	if cfg.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(a.stderr, o))
	}
	return slog.New(slog.NewTextHandler(a.stderr, o))
}

// eventLevels are those of events that are not level info.
var eventLevels = map[string]slog.Level{
	pawl.EventReissue:         slog.LevelDebug,
	pawl.EventReused:          slog.LevelWarn,
	pawl.EventResentElsewhere: slog.LevelWarn,
	pawl.EventRestored:        slog.LevelWarn,
}

// logEvents gives a sink that writes each event as one line: its kind, and what
// is known of it.
func logEvents(log *slog.Logger) func(context.Context, pawl.Event) {
	return func(ctx context.Context, e pawl.Event) {
		level := eventLevels[e.Kind]
		if !log.Enabled(ctx, level) {
			return
		}
		log.LogAttrs(ctx, level, e.Kind, e.Attrs()...)
	}
}
