package main

import "container/heap"

// queue is simulated time: what is to happen, in order. Times are milliseconds
// since the simulation's beginning.
type queue struct {
	now    int64
	seq    int
	events eventHeap
}

type event struct {
	at  int64
	seq int // of two at the same moment, the one asked for first
	do  func()
}

// after has do called in d milliseconds.
func (q *queue) after(d int64, do func()) {
	q.seq++
	heap.Push(&q.events, event{q.now + max(d, 0), q.seq, do})
}

// run goes on until nothing is left to happen.
func (q *queue) run() {
	for len(q.events) > 0 {
		e := heap.Pop(&q.events).(event)
		q.now = e.at
		e.do()
	}
}

func (q *queue) clear() { q.events = q.events[:0] }

type eventHeap []event

func (h eventHeap) Len() int      { return len(h) }
func (h eventHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *eventHeap) Push(x any)   { *h = append(*h, x.(event)) }
func (h eventHeap) Less(i, j int) bool {
	return h[i].at < h[j].at || h[i].at == h[j].at && h[i].seq < h[j].seq
}

func (h *eventHeap) Pop() any {
	last := len(*h) - 1
	e := (*h)[last]
	(*h)[last] = event{}
	*h = (*h)[:last]
	return e
}
