package cli

import (
	"context"
	"io"
	"time"
)

// RunTour tours a server of the test's, whose reuse window it should know.
func RunTour(ctx context.Context, base string, window time.Duration, w io.Writer) error {
	return newTour(ctx, base, window, newStageOn(&app{stdout: w}, 0)).run()
}
