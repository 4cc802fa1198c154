package serial

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"
)

// document writes a BSON document whose only element is key: int32(1).
func document(key string) []byte {
	body := append([]byte{0x10}, key...)
	body = append(body, 0, 1, 0, 0, 0, 0)
	return append(binary.LittleEndian.AppendUint32(nil, uint32(len(body)+4)), body...)
}

// sequence writes a section of kind 1 that holds one document.
func sequence(name string, doc []byte) []byte {
	body := append(append([]byte(name), 0), doc...)
	section := binary.LittleEndian.AppendUint32([]byte{1}, uint32(len(body)+4))
	return append(section, body...)
}

func section0(key string) []byte { return append([]byte{0}, document(key)...) }

// wire puts header and flags before sections.
func wire(code, flags uint32, sections ...[]byte) message {
	body := binary.LittleEndian.AppendUint32(nil, flags)
	for _, s := range sections {
		body = append(body, s...)
	}
	m := binary.LittleEndian.AppendUint32(nil, uint32(headerSize+len(body)))
	m = append(m, 0, 0, 0, 0, 0, 0, 0, 0)
	m = binary.LittleEndian.AppendUint32(m, code)
	return append(m, body...)
}

func TestTheCommandIsTheFirstKeyOfTheSectionOfKindZero(t *testing.T) {
	other := sequence("updates", document("findAndModify"))
	for name, m := range map[string]message{
		"alone":         wire(opMessage, 0, section0("update")),
		"first":         wire(opMessage, 0, section0("update"), other),
		"last":          wire(opMessage, 0, other, section0("update")),
		"with checksum": wire(opMessage, flagChecksum, other, section0("update"), []byte{1, 2, 3, 4}),
	} {
		t.Run(name, func(t *testing.T) {
			got, err := m.command()
			if err != nil || got != "update" {
				t.Fatalf("command = %q, %v", got, err)
			}
		})
	}
}

func TestAMalformedMessageIsRefusedAndNeverPanics(t *testing.T) {
	whole := wire(opMessage, 0, sequence("updates", document("q")), section0("update"))
	for cut := headerSize; cut < len(whole)-len("update")-6; cut++ {
		if name, err := whole[:cut].command(); err == nil {
			t.Errorf("cut to %d bytes it names %q", cut, name)
		}
	}
	for i := headerSize + 4; i < len(whole); i++ {
		for _, b := range []byte{0, 0x7f, 0x80, 0xff} {
			broken := bytes.Clone(whole)
			broken[i] = b
			_, _ = message(broken).command()
		}
	}
}

func TestAMessageOfImpossibleLengthIsRefused(t *testing.T) {
	for _, size := range []uint32{0, 15, maxMessage + 1, 1 << 31, 1<<32 - 1} {
		m := wire(opMessage, 0, section0("ping"))
		binary.LittleEndian.PutUint32(m, size)
		if _, err := readMessage(bytes.NewReader(m)); !errors.Is(err, errMalformed) {
			t.Errorf("length %d: %v", size, err)
		}
	}
}

func TestAnEndBetweenMessagesDiffersFromOneWithin(t *testing.T) {
	m := wire(opMessage, 0, section0("ping"))
	if _, err := readMessage(bytes.NewReader(nil)); err != io.EOF {
		t.Errorf("between: %v", err)
	}
	for cut := 1; cut < len(m); cut++ {
		if _, err := readMessage(bytes.NewReader(m[:cut])); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("after %d bytes: %v", cut, err)
		}
	}
}
