package webui

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"regexp"
	"strings"

	"github.com/pawlauth/pawl/clients/browser"
)

//go:embed assets
var assetFiles embed.FS

// asset is a file as it is served.
type asset struct {
	kind          string
	plain, zipped []byte
}

// assets are the files by the names they are served by, which hold a hash of
// what is in them: they can be kept for ever.
type assets struct {
	named map[string]asset
	paths map[string]string // a file's own name → the path it is served at
}

var kinds = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
}

func loadAssets() (assets, error) {
	a := assets{named: map[string]asset{}, paths: map[string]string{}}
	files, err := assetSources()
	if err != nil {
		return a, err
	}
	for name := range files {
		if err := a.add(files, name, nil); err != nil {
			return a, err
		}
	}
	return a, nil
}

func assetSources() (map[string][]byte, error) {
	files := map[string][]byte{}
	list, err := fs.ReadDir(assetFiles, "assets")
	if err != nil {
		return nil, err
	}
	for _, e := range list {
		if files[e.Name()], err = assetFiles.ReadFile("assets/" + e.Name()); err != nil {
			return nil, err
		}
	}
	files["pawl.js"] = browser.Module
	return files, nil
}

// imported is how a script names another.
var imported = regexp.MustCompile(`"\./([a-z-]+\.js)"`)

// add names a file by its hash, after those that it imports: their names are in
// it.
func (a assets) add(files map[string][]byte, name string, above []string) error {
	if a.paths[name] != "" {
		return nil
	}
	content, ok := files[name]
	kind := kinds[path.Ext(name)]
	if !ok || kind == "" || len(above) > len(files) {
		return fmt.Errorf("webui: the asset %s is missing, of no known kind, or imports itself: %v", name, above)
	}
	var err error
	content = imported.ReplaceAllFunc(content, func(m []byte) []byte {
		other := string(imported.FindSubmatch(m)[1])
		if e := a.add(files, other, append(above, name)); e != nil {
			err = e
		}
		return []byte(`"` + a.paths[other] + `"`)
	})
	if err != nil {
		return err
	}
	sum := sha256.Sum256(content)
	ext := path.Ext(name)
	served := strings.TrimSuffix(name, ext) + "." + hex.EncodeToString(sum[:8]) + ext
	a.named[served] = asset{kind: kind, plain: content, zipped: zip(content)}
	a.paths[name] = "/assets/" + served
	return nil
}

func zip(content []byte) []byte {
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
	_, _ = z.Write(content)
	_ = z.Close() // a buffer takes everything
	return b.Bytes()
}

// ServeHTTP answers with a file. Nothing in it is secret, so that compressing it
// gives nothing away.
func (a assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f, ok := a.named[r.PathValue("name")]
	if !ok {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Vary", "Accept-Encoding")
	body := f.plain
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		body = f.zipped
	}
	_, _ = w.Write(body) // what fails now is the connection
}
