package llmperf

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// annotate tells GitHub Actions, if the run is in one, what failed: an error at
// the line of the test that made the run.
//
// A workflow command is a line of output that begins with it. So it does not go
// through t.Log, which indents lines and says where they are from; go test passes
// on what a test prints, and gotestsum prints it among the output of a test that
// failed.
func annotate(w io.Writer, r *Result, at place) {
	if os.Getenv("GITHUB_ACTIONS") != "true" {
		return
	}
	if trouble := r.trouble(); trouble != "" {
		fmt.Fprintln(w, errorCommand(at, r.Name, trouble))
	}
	for i := range r.Outcomes {
		if o := &r.Outcomes[i]; r.scenario.Strictness.fails(o) {
			fmt.Fprintln(w, errorCommand(at, r.Name+"/"+o.path(), o.Message))
		}
	}
}

// errorCommand is the workflow command that shows an error at a place.
func errorCommand(at place, title, message string) string {
	var where string
	if file := at.inRepository(); file != "" {
		where = fmt.Sprintf("file=%s,line=%d,", commandProperty(file), at.line)
	}
	return fmt.Sprintf("::error %stitle=%s::%s", where, commandProperty(title), commandData(message))
}

// inRepository is the file's path from the root of the repository that GitHub
// Actions has checked out, with slashes; "" if it is not below it.
func (p place) inRepository() string {
	root := os.Getenv("GITHUB_WORKSPACE")
	if root == "" || p.file == "" {
		return ""
	}
	file := filepath.FromSlash(p.file)
	if !filepath.IsAbs(file) { // as with go test -trimpath; tests run in their package's folder
		dir, err := os.Getwd()
		if err != nil {
			return ""
		}
		file = filepath.Join(dir, filepath.Base(file))
	}
	path, err := filepath.Rel(resolved(root), resolved(file))
	if err != nil || !filepath.IsLocal(path) {
		return ""
	}
	return filepath.ToSlash(path)
}

// resolved is path without symbolic links, where it can be resolved.
func resolved(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return path
}

var (
	dataEscapes     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	propertyEscapes = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

// commandData and commandProperty are text as workflow commands hold it.
func commandData(text string) string     { return dataEscapes.Replace(text) }
func commandProperty(text string) string { return propertyEscapes.Replace(text) }
