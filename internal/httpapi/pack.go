package httpapi

import (
	"fmt"

	"github.com/klauspost/compress/s2"
)

// packedBytes bounds the documents that an index keeps packed: some 200,000, of 300 bytes each.
const packedBytes = 64 << 20

// packTogether is how many documents are packed together. Those of a run are much alike: sixteen
// take a fifth of what they take one by one, and 15 µs to unpack.
const packTogether = 16

// A pack is the documents of a run, in their order. It does not change and is safe for concurrent use.
type pack struct {
	blocks [][]byte // of packTogether documents each, the last of fewer
	ends   []uint32 // of the documents in their unpacked blocks
	bytes  int
}

// doc returns a document by its place.
func (p *pack) doc(place int) (Document, error) {
	block, err := s2.Decode(nil, p.blocks[place/packTogether])
	if err != nil {
		return nil, fmt.Errorf("packed documents: %w", err)
	}
	begin := uint32(0)
	if place%packTogether > 0 {
		begin = p.ends[place-1]
	}
	return block[begin:p.ends[place]:p.ends[place]], nil
}

// A packer makes a pack. The zero value is empty.
type packer struct {
	out     pack
	pending []byte // documents of the block that is not yet full
}

// add adds a document, which it does not keep.
func (p *packer) add(doc []byte) {
	p.pending = append(p.pending, doc...)
	p.out.ends = append(p.out.ends, uint32(len(p.pending)))
	if len(p.out.ends)%packTogether == 0 {
		p.flush()
	}
}

func (p *packer) flush() {
	block := s2.Encode(nil, p.pending)
	block = append(make([]byte, 0, len(block)), block...) // what was made has room for what cannot be packed
	p.out.blocks = append(p.out.blocks, block)
	p.pending = p.pending[:0]
}

// pack returns the pack of what was added, after which nothing more may be.
func (p *packer) pack() *pack {
	if len(p.pending) > 0 {
		p.flush()
	}
	const slice = 24 // bytes
	p.out.bytes = 4 * len(p.out.ends)
	for _, b := range p.out.blocks {
		p.out.bytes += len(b) + slice
	}
	return &p.out
}
