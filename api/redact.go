package api

import "log/slog"

// The wire types that hold secrets print as their name, so that a %v or a log
// attribute cannot give one away (SECURITY 56). Their JSON is not affected.

func (LoginRequest) String() string       { return "[login request]" }
func (LoginRequest) GoString() string     { return "[login request]" }
func (LoginRequest) LogValue() slog.Value { return slog.StringValue("[login request]") }

func (ReissueBody) String() string       { return "[reissue body]" }
func (ReissueBody) GoString() string     { return "[reissue body]" }
func (ReissueBody) LogValue() slog.Value { return slog.StringValue("[reissue body]") }

func (PasswordRequest) String() string       { return "[password request]" }
func (PasswordRequest) GoString() string     { return "[password request]" }
func (PasswordRequest) LogValue() slog.Value { return slog.StringValue("[password request]") }

func (SetupRequest) String() string       { return "[setup request]" }
func (SetupRequest) GoString() string     { return "[setup request]" }
func (SetupRequest) LogValue() slog.Value { return slog.StringValue("[setup request]") }

func (TokenResponse) String() string       { return "[token response]" }
func (TokenResponse) GoString() string     { return "[token response]" }
func (TokenResponse) LogValue() slog.Value { return slog.StringValue("[token response]") }

func (ResetRequest) String() string       { return "[reset request]" }
func (ResetRequest) GoString() string     { return "[reset request]" }
func (ResetRequest) LogValue() slog.Value { return slog.StringValue("[reset request]") }

func (ResetOffer) String() string       { return "[reset offer]" }
func (ResetOffer) GoString() string     { return "[reset offer]" }
func (ResetOffer) LogValue() slog.Value { return slog.StringValue("[reset offer]") }

func (AddedClient) String() string       { return "[added client]" }
func (AddedClient) GoString() string     { return "[added client]" }
func (AddedClient) LogValue() slog.Value { return slog.StringValue("[added client]") }
