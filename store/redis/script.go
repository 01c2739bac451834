package redis

import (
	"context"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // EVALSHA names a script by it; nothing relies on it
	"embed"
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"
)

//go:embed scripts/*.lua
var files embed.FS

// script is one of scripts/*.lua, with lib.lua between its first line and the
// rest.
type script struct {
	text, sha string
}

var lib = read("lib")

func read(name string) string {
	text, err := files.ReadFile("scripts/" + name + ".lua")
	if err != nil {
		panic(err) // it is embedded
	}
	return string(text)
}

func newScript(name string) *script {
	flags, body, _ := strings.Cut(read(name), "\n")
	text := flags + "\n" + lib + body
	sum := sha1.Sum([]byte(text)) //nolint:gosec // as above
	return &script{text, hex.EncodeToString(sum[:])}
}

// call is a script with what it is to work on: its keys are in one slot.
type call struct {
	script     *script
	keys, args []string
}

func (c call) bySHA(b rueidis.Builder) rueidis.Completed {
	return b.Evalsha().Sha1(c.script.sha).Numkeys(int64(len(c.keys))).Key(c.keys...).Arg(c.args...).Build()
}

func (c call) byText(b rueidis.Builder) rueidis.Completed {
	return b.Eval().Script(c.script.text).Numkeys(int64(len(c.keys))).Key(c.keys...).Arg(c.args...).Build()
}

func unknownScript(err error) bool {
	e, ok := rueidis.IsRedisErr(err)
	return ok && e.IsNoScript()
}

// do runs one script.
func (s *Store) do(ctx context.Context, c call) rueidis.RedisResult {
	if err := ctx.Err(); err != nil {
		return rueidis.NewErrorResult(err)
	}
	r := s.once(ctx, c)
	for tries := 0; halfMoved(r.Error()) && tries < moveTries; tries++ {
		select {
		case <-ctx.Done():
			return r
		case <-time.After(movePause):
		}
		r = s.once(ctx, c)
	}
	return r
}

// once runs a script, by its text where the server has not seen it yet.
func (s *Store) once(ctx context.Context, c call) rueidis.RedisResult {
	r := s.client.Do(ctx, c.bySHA(s.client.B()))
	if unknownScript(r.Error()) { // so nothing was done
		r = s.client.Do(ctx, c.byText(s.client.B()))
	}
	s.noticeDemoted(r.Error())
	return r
}

// A slot of a cluster that moves is in two places for a moment, and neither runs
// a script that needs keys of both. Nothing was done then, so it may be asked again.
var moveTries = 40 // a second; tests on busy machines have more

const movePause = 25 * time.Millisecond

func halfMoved(err error) bool {
	e, ok := rueidis.IsRedisErr(err)
	return ok && e.IsTryAgain()
}

// doAll runs scripts in one round trip to each server.
func (s *Store) doAll(ctx context.Context, calls []call) []rueidis.RedisResult {
	all := make([]rueidis.Completed, len(calls))
	for i, c := range calls {
		all[i] = c.bySHA(s.client.B())
	}
	results := s.client.DoMulti(ctx, all...)
	for i, r := range results {
		if unknownScript(r.Error()) || halfMoved(r.Error()) {
			results[i] = s.do(ctx, calls[i])
		}
	}
	return results
}

// newTag is a random number that tells log entries apart (scripts/lib.lua).
func newTag() string {
	var b [2]byte
	_, _ = rand.Read(b[:])
	return strconv.Itoa(int(binary.BigEndian.Uint16(b[:])))
}

func decimal(n uint64) string { return strconv.FormatUint(n, 10) }

// bytesOf gives the text of a reply, "" for none.
func bytesOf(m rueidis.RedisMessage) string {
	text, err := m.ToString()
	if err != nil {
		return ""
	}
	return text
}
