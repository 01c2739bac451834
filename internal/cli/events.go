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

// eventLevels is how loud each kind of event is. What stands here as a warning
// is rare, and either an alarm or felt by everybody.
var eventLevels = map[string]slog.Level{
	pawl.EventReissue:          slog.LevelDebug,
	pawl.EventReused:           slog.LevelWarn,
	pawl.EventResentElsewhere:  slog.LevelWarn,
	pawl.EventRestored:         slog.LevelWarn,
	pawl.EventAllEnded:         slog.LevelWarn,
	pawl.EventDatabaseRestored: slog.LevelWarn,
	pawl.EventKeyRemoved:       slog.LevelWarn,
	pawl.EventSignIn:           slog.LevelInfo,
	pawl.EventSignInFailed:     slog.LevelInfo,
	pawl.EventReissueRefused:   slog.LevelInfo,
	pawl.EventMovedIn:          slog.LevelInfo,
	pawl.EventSessionEnded:     slog.LevelInfo,
	pawl.EventUserEnded:        slog.LevelInfo,
	pawl.EventPasswordChanged:  slog.LevelInfo, pawl.EventPasswordRefused: slog.LevelInfo, pawl.EventPasswordUpgraded: slog.LevelInfo,
	pawl.EventResetOffered: slog.LevelInfo, pawl.EventResetRefused: slog.LevelInfo, pawl.EventPasswordReset: slog.LevelInfo,
	pawl.EventUserCreated: slog.LevelInfo, pawl.EventUsersImported: slog.LevelInfo, pawl.EventUserUpdated: slog.LevelInfo, pawl.EventUserDeleted: slog.LevelInfo,
	pawl.EventUserDisabled: slog.LevelInfo, pawl.EventUserEnabled: slog.LevelInfo,
	pawl.EventClientAdded: slog.LevelInfo, pawl.EventClientRemoved: slog.LevelInfo,
	pawl.EventKeyAdded: slog.LevelInfo, pawl.EventDatabaseBackedUp: slog.LevelInfo, pawl.EventKeysResealed: slog.LevelInfo,
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
