package git

import "bytes"

// SignedCommit returns what was signed of the content of a commit, and the armoured signature: its header gpgsig.
// Without one the signature is empty.
func SignedCommit(raw []byte) (payload, signature []byte) {
	payload = make([]byte, 0, len(raw))
	for len(raw) > 0 && raw[0] != '\n' {
		end := headerEnd(raw)
		header := raw[:end]
		raw = raw[end:]
		key, value, _ := bytes.Cut(header, []byte{' '})
		switch string(key) {
		case "gpgsig":
			signature = append(signature, bytes.ReplaceAll(value, []byte("\n "), []byte{'\n'})...)
		case "gpgsig-sha256": // of the same commit in a repository of the other kind
		default:
			payload = append(payload, header...)
		}
	}
	return append(payload, raw...), signature
}

// beginnings are what signatures at the end of a tag begin with.
var beginnings = [...][]byte{
	[]byte("-----BEGIN PGP SIGNATURE-----"), []byte("-----BEGIN PGP MESSAGE-----"),
	[]byte("-----BEGIN SIGNED MESSAGE-----"), []byte("-----BEGIN SSH SIGNATURE-----"),
}

// SignedTag returns what was signed of the content of a tag, and the armoured signature behind it.
func SignedTag(raw []byte) (payload, signature []byte) {
	at, found := 0, len(raw)
	for line := range bytes.Lines(raw) {
		for _, b := range beginnings {
			if bytes.HasPrefix(line, b) {
				found = at
			}
		}
		at += len(line)
	}
	return raw[:found], raw[found:]
}
