module github.com/reposit/reposit/cmd/reposit

go 1.26.0

require (
	github.com/reposit/reposit v0.0.0-00010101000000-000000000000
	github.com/go-git/go-billy/v5 v5.9.2
	github.com/spf13/cobra v1.10.2
	golang.org/x/term v0.45.0
)
