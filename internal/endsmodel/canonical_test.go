package endsmodel

// canonical makes one state of all that differ only in how entries are
// numbered, and in which node is which.
func (m *model) canonical(s *state) {
	m.tidy(s)
	if s.secondFirst() {
		s.swapNodes()
	}
}

// tidy is canonical but for the nodes, which keep their places.
func (m *model) tidy(s *state) {
	for p := range m.parts {
		s.joinEntries(p)
		s.renumber(p)
	}
}

// joinEntries makes one of entries between which no cursor stands and that no
// copy has apart.
func (s *state) joinEntries(p int) {
	a, b := &s.part[p].copies[0], &s.part[p].copies[1]
	s.joinIn(p, a, b)
	s.joinIn(p, b, a)
}

func (s *state) joinIn(p int, a, b *records) {
	for i := 0; i+1 < int(a.length); {
		x, y := uint8(a.log[i].id), uint8(a.log[i+1].id)
		at, behind := b.position(x), b.position(y)
		if s.stoodOn(p, x) || at >= 0 && behind != at+1 || at < 0 && behind >= 0 {
			i++
			continue
		}
		a.join(i)
		if at >= 0 {
			b.join(at)
		}
	}
}

func (s *state) stoodOn(p int, id uint8) bool {
	return s.node[0].cursor[p] == id || s.node[1].cursor[p] == id
}

// join joins an entry with the one behind it.
func (r *records) join(i int) {
	r.log[i+1].of |= r.log[i].of
	copy(r.log[i:], r.log[i+1:r.length])
	r.length--
	r.log[r.length] = entry{}
}

// renumber numbers the entries of a partition in the order of its logs.
func (s *state) renumber(p int) {
	var as [gone + 1]uint8
	next := uint8(1)
	s.eachCopy(p, func(r *records) {
		for i := range r.log[:r.length] {
			id := &r.log[i].id
			if as[*id] == 0 {
				as[*id] = next
				next++
			}
			*id = uint16(as[*id])
		}
	})
	for n := range s.node {
		if c := &s.node[n].cursor[p]; *c != 0 {
			if *c = as[*c]; *c == 0 {
				*c = gone
			}
		}
	}
}

// secondFirst orders nodes by all that tells them apart.
func (s *state) secondFirst() bool {
	a, b := s.weight(0), s.weight(1)
	for i := range a {
		if a[i] != b[i] {
			return b[i] < a[i]
		}
	}
	return false
}

func (s *state) weight(n int) [7]uint32 {
	of := &s.node[n]
	flags := bit(of.started) | bit(of.due)<<1 | bit(s.cut == uint8(n)+1)<<2
	var ops uint32
	for i := range s.op {
		o := &s.op[i]
		ops = ops<<2 | uint32(o.knows>>n&1)<<1 | bit(o.underWay() && o.by == uint8(n))
	}
	return [7]uint32{
		flags, ops, uint32(of.cursor[0])<<8 | uint32(of.cursor[1]),
		uint32(of.revoked), uint32(of.memory)<<16 | uint32(of.expected),
		uint32(of.seen)<<16 | uint32(of.made), uint32(of.todo),
	}
}

func bit(b bool) uint32 {
	if b {
		return 1
	}
	return 0
}

func (s *state) swapNodes() {
	s.node[0], s.node[1] = s.node[1], s.node[0]
	if s.cut != 0 {
		s.cut = 3 - s.cut
	}
	for i := range s.op {
		o := &s.op[i]
		o.knows = o.knows>>1 | o.knows&1<<1
		if o.underWay() {
			o.by = 1 - o.by
		}
	}
}
