package serial

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Sizes and codes of MongoDB's wire protocol.
const (
	headerSize = 16
	// maxMessage is what MongoDB calls maxMessageSizeBytes.
	maxMessage = 48_000_000

	opQuery   = 2004
	opMessage = 2013

	flagChecksum   = 1 << 0
	flagMoreToCome = 1 << 1
)

var errMalformed = errors.New("malformed message")

// message is one whole wire message, its header included.
type message []byte

// readMessage reads one message. io.EOF means that the peer closed the
// connection between two messages. The buffer grows with what really arrives,
// so a peer cannot make us reserve memory by announcing a big message.
func readMessage(r io.Reader) (message, error) {
	var header [headerSize]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return nil, err
	}
	size := int64(int32(binary.LittleEndian.Uint32(header[:])))
	if size < headerSize || size > maxMessage {
		return nil, fmt.Errorf("%w: length %d", errMalformed, size)
	}
	var buf bytes.Buffer
	buf.Write(header[:])
	if _, err := io.CopyN(&buf, r, size-headerSize); err != nil {
		return nil, fmt.Errorf("read body: %w", noEOF(err))
	}
	return buf.Bytes(), nil
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (m message) opCode() uint32 {
	return binary.LittleEndian.Uint32(m[12:])
}

func (m message) flags() uint32 {
	return binary.LittleEndian.Uint32(m[headerSize:])
}

// expectReply clears the flag with which a client says that it waits for no
// reply, and tells whether it was set. FerretDB answers always; without this
// the reply would be taken for that of the next request.
func (m message) expectReply() (wasSet bool) {
	flags := m.flags()
	binary.LittleEndian.PutUint32(m[headerSize:], flags&^flagMoreToCome)
	return flags&flagMoreToCome != 0
}

// command returns the command's name: the first key of the document in the
// section of kind 0, wherever in the message that section stands.
func (m message) command() (string, error) {
	if len(m) < headerSize+4 {
		return "", fmt.Errorf("%w: no flags", errMalformed)
	}
	rest := m[headerSize+4:]
	if m.flags()&flagChecksum != 0 {
		if len(rest) < 4 {
			return "", fmt.Errorf("%w: no checksum", errMalformed)
		}
		rest = rest[:len(rest)-4]
	}
	for len(rest) > 0 {
		kind := rest[0]
		rest = rest[1:]
		if len(rest) < 4 {
			return "", fmt.Errorf("%w: section without length", errMalformed)
		}
		size := int64(int32(binary.LittleEndian.Uint32(rest)))
		if size < 4 || size > int64(len(rest)) {
			return "", fmt.Errorf("%w: section of length %d", errMalformed, size)
		}
		switch kind {
		case 0:
			return firstKey(rest[4:size])
		case 1: // a sequence of documents, with its length in front
			rest = rest[size:]
		default:
			return "", fmt.Errorf("%w: section of kind %d", errMalformed, kind)
		}
	}
	return "", fmt.Errorf("%w: no section of kind 0", errMalformed)
}

// firstKey reads the first element's name from a BSON document without its
// length: one byte of type, then the name, closed by a zero byte.
func firstKey(elements []byte) (string, error) {
	if len(elements) < 2 || elements[0] == 0 {
		return "", fmt.Errorf("%w: empty command", errMalformed)
	}
	name, _, found := bytes.Cut(elements[1:], []byte{0})
	if !found {
		return "", fmt.Errorf("%w: unfinished key", errMalformed)
	}
	return string(name), nil
}
