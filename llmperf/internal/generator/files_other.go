//go:build !unix

package generator

// FilesLimit and OpenFiles are not known.
func FilesLimit() int { return 0 }
func OpenFiles() int  { return 0 }
