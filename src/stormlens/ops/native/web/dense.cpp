// Dense layers, as a page calls them: by the inputs that are not zero.
//
// Behind relu and spatial dropout two inputs in three are zero, and with vectors of four floats it
// costs no more to take a sample's other inputs one by one than to take tiles of samples. A kernel
// without zeros takes as long as it would by tiles.

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "../vectors.hpp"
#include "adam.hpp"
#include "layout.hpp"
#include "threads.hpp"

namespace stormlens {
namespace {

constexpr int kHeld = 12;              // vectors of sums in registers
constexpr int kSamples = 4;            // whose products with a row are added up side by side
constexpr int64_t kStride = 4 * L;     // columns that they are taken for in one go
constexpr int64_t kCached = 8 * 1024;  // floats of a kernel's rows that are worked on at a time
constexpr int64_t kBlock = 64;         // rows whose inputs are taken at a time
constexpr int64_t kStepped = 8;        // of them, rows that step at a time
constexpr int64_t kParts = 16;         // partial sums of the outputs
constexpr int64_t kRowsOfPart = 16;    // the fewest
constexpr int64_t kValuesOfTask = 1 << 16;

// What the tasks of one call share.
Scratch partial_scratch;

// A row of a matrix, and what it is multiplied by.
struct Term {
  int32_t row;
  uint32_t bits;  // of the factor, as whole numbers are compared in fewer instructions

  float value() const {
    float value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
  }
};

// Puts a term at the end of a list where its factor, at `from`, is not zero of either sign; there
// is always room for one more.
inline void list(Term*& end, int64_t row, const float* from) {
  end->row = static_cast<int32_t>(row);
  std::memcpy(&end->bits, from, sizeof *from);
  end += end->bits << 1 != 0;
}

// ---------------------------------------------------------------- sums of rows

// Adds the terms' rows of a matrix, times their values, to N vectors of sums from column `at` on.
template <int N>
inline void add_vectors(const Term* terms, const Term* end, const float* matrix, int64_t columns,
                        int64_t at, float* sums) {
  Reals held[N];
  for (int v = 0; v < N; ++v) held[v] = load(sums + at + v * L);
  for (; terms != end; ++terms) {
    const float* row = matrix + terms->row * columns + at;
    const float value = terms->value();
    for (int v = 0; v < N; ++v) held[v] += value * load(row + v * L);
  }
  for (int v = 0; v < N; ++v) store(sums + at + v * L, held[v]);
}

// Twelve vectors at a time, then eight, four, two and one, and single columns at the end.
template <int N = kHeld>
void add_terms(const Term* terms, const Term* end, const float* matrix, int64_t columns,
               float* sums, int64_t at = 0) {
  if (at == columns) return;
  for (; columns - at >= N * L; at += N * L)
    add_vectors<N>(terms, end, matrix, columns, at, sums);
  if constexpr (N > 1)
    return add_terms<N == kHeld ? 8 : N / 2>(terms, end, matrix, columns, sums, at);
  for (; terms != end; ++terms)
    for (int64_t column = at; column < columns; ++column)
      sums[column] += terms->value() * matrix[terms->row * columns + column];
}

// ---------------------------------------------------------------- products of rows

// The sums of four vectors' lanes.
inline Reals added_lanes(const Reals* v) {
  const Reals a = __builtin_shufflevector(v[0], v[1], 0, 4, 1, 5);
  const Reals b = __builtin_shufflevector(v[0], v[1], 2, 6, 3, 7);
  const Reals c = __builtin_shufflevector(v[2], v[3], 0, 4, 1, 5);
  const Reals d = __builtin_shufflevector(v[2], v[3], 2, 6, 3, 7);
  const Reals low = a + b, high = c + d;
  return __builtin_shufflevector(low, high, 0, 1, 4, 5) +
         __builtin_shufflevector(low, high, 2, 3, 6, 7);
}

// A number of which the compiler knows nothing, so that what is read beside a pointer made with it
// has a constant offset; else each address is counted up by itself.
inline ptrdiff_t opaque(int64_t number) {
  auto hidden = static_cast<ptrdiff_t>(number);
  asm("" : "+r"(hidden));
  return hidden;
}

// Products of four terms' rows of a matrix with one row, to products[row * kBlock].
void multiply_four(const Term* terms, const float* matrix, const float* row, int64_t columns,
                   float* products) {
  const float* rows[kSamples];
  for (int i = 0; i < kSamples; ++i) rows[i] = matrix + terms[i].row * columns;
  const float *a = rows[0], *b = rows[1], *c = rows[2], *d = rows[3];
  Reals sums[2][kSamples] = {};
  int64_t at = 0;
  for (; at + kStride <= columns; at += kStride) {
    const ptrdiff_t here = opaque(at);
    const float* w = row + here;
    const float *x = a + here, *y = b + here, *z = c + here, *u = d + here;
    for (int v = 0; v < kStride / L; ++v) {
      const Reals value = load(w + v * L);
      Reals* half = sums[v % 2];
      half[0] += load(x + v * L) * value;
      half[1] += load(y + v * L) * value;
      half[2] += load(z + v * L) * value;
      half[3] += load(u + v * L) * value;
    }
  }
  for (int i = 0; i < kSamples; ++i) sums[0][i] += sums[1][i];
  Reals lanes = added_lanes(sums[0]);
  for (; at < columns; ++at)
    lanes += Reals{a[at], b[at], c[at], d[at]} * row[at];
  for (int i = 0; i < kSamples; ++i) products[terms[i].row * kBlock] = lanes[i];
}

// The same for any number of terms; there is room for three behind them.
void multiply_terms(Term* terms, Term* end, const float* matrix, const float* row,
                    int64_t columns, float* products) {
  for (; terms < end; terms += kSamples) {
    for (Term* behind = end; behind < terms + kSamples; ++behind) *behind = end[-1];
    multiply_four(terms, matrix, row, columns, products);
  }
}

// ---------------------------------------------------------------- forward

// Adds what rows [first, last) of the kernel give to sums of (N, columns).
void add_rows(const Dense& op, const float* inputs, int64_t first, int64_t last, float* sums,
              Workspace& space) {
  const int64_t most = std::clamp<int64_t>(kCached / op.columns, kStepped, kBlock);
  Term* terms = space.lists.room<Term>(most + 1);
  for (int64_t start = first; start < last; start += most) {
    const int64_t rows = std::min(most, last - start), next = start + most;
    const int64_t coming = std::clamp<int64_t>(last - next, 0, most), size = coming * op.columns;
    const float* kernel = op.kernel + start * op.columns;
    for (int64_t n = 0; n < op.n; ++n) {
      const float* from = inputs + n * op.rows;
      fetch(from + next, coming);
      fetch(op.kernel + next * op.columns + n * size / op.n, size / op.n);
      Term* end = terms;
      for (int64_t row = 0; row < rows; ++row) list(end, row, from + start + row);
      add_terms(terms, end, kernel, op.columns, sums + n * op.columns);
    }
  }
}

void dense_forward(const Dense& op, const float* inputs, const float* bias, float* outputs) {
  const int64_t size = op.n * op.columns;
  const int64_t parts = std::clamp<int64_t>(op.rows / kRowsOfPart, 1, kParts);
  float* partials = partial_scratch.room<float>(parts * size);
  parallel_for(parts, [&](int32_t part, Workspace& space) {
    float* sums = partials + part * size;
    std::fill(sums, sums + size, 0.0f);
    add_rows(op, inputs, part * op.rows / parts, (part + 1) * op.rows / parts, sums, space);
  });
  for (int64_t i = 0; i < size; ++i) {
    float sum = 0.0f;
    for (int64_t part = 0; part < parts; ++part) sum += partials[part * size + i];
    outputs[i] = sum + bias[i % op.columns];
  }
}

// ---------------------------------------------------------------- backward

// A way back: gradients of the outputs, and where those of the inputs go.
struct Back {
  Dense op;
  const float* gradient;
  float* to;
};

// Writes the gradients of a block of rows' inputs.
void put_products(const Back& back, int64_t start, int64_t rows, const float* products) {
  for (int64_t n = 0; n < back.op.n; ++n)
    std::copy_n(products + n * kBlock, rows, back.to + n * back.op.rows + start);
}

// Calls body(first, last, space) for ranges of a kernel's rows.
template <typename Body>
void by_rows(const Dense& op, const Body& body) {
  const int64_t each = std::clamp<int64_t>(kValuesOfTask / op.columns, 1, op.rows);
  parallel_for((op.rows + each - 1) / each, [&](int32_t task, Workspace& space) {
    body(task * each, std::min(op.rows, (task + 1) * each), space);
  });
}

// All samples as terms.
Term* list_all(int64_t count, Term* end) {
  for (int64_t n = 0; n < count; ++n) *end++ = {static_cast<int32_t>(n), 0};
  return end;
}

void input_gradient(const Back& back, int64_t first, int64_t last, Workspace& space) {
  const Dense& op = back.op;
  Term* terms = space.lists.room<Term>(op.n + kSamples);
  float* products = space.weights.room<float>(op.n * kBlock);
  Term* end = list_all(op.n, terms);
  for (int64_t start = first; start < last; start += kBlock) {
    const int64_t rows = std::min(kBlock, last - start);
    for (int64_t r = 0; r < rows; ++r)
      multiply_terms(terms, end, back.gradient, op.kernel + (start + r) * op.columns, op.columns,
                     products + r);
    put_products(back, start, rows, products);
  }
}

// The same, and a step of Adam on the kernel.
struct Step {
  Back back;
  AdamNumbers adam;
  const float* inputs;
  float *kernel, *mean, *square;
  bool all;  // whether inputs that are zero have gradients
};

// What a task works with: samples as terms, and of a block of rows the inputs, the gradients of
// these, and those of some rows' kernel.
struct Desk {
  Term *every, *every_end, *terms;
  float *inputs, *products, *sums;

  Desk(const Dense& op, Workspace& space)
      : every(space.lists.room<Term>(2 * (op.n + kSamples))),
        every_end(list_all(op.n, every)),
        terms(every_end + kSamples),
        inputs(space.image.room<float>(op.n * kBlock)),
        products(space.weights.room<float>(op.n * kBlock)),
        sums(space.best.room<float>(kStepped * op.columns)) {}
};

// Inputs of rows [start, start + rows) side by side, and a glance at those that come next.
void take_inputs(const Step& step, int64_t start, int64_t rows, int64_t last, float* to) {
  const Dense& op = step.back.op;
  for (int64_t n = 0; n < op.n; ++n) {
    const float* from = step.inputs + n * op.rows + start;
    std::copy_n(from, rows, to + n * kBlock);
    fetch(from + rows, std::min(kBlock, last - start - rows));
  }
}

// Gradients of one row's inputs, which are row `r` of the desk's block, and of its kernel, to
// `sums`. Memory is asked for that begins at `next`, an array at a time.
void differentiate_row(const Step& step, const Desk& desk, const float* row, int64_t r,
                       int64_t next, int64_t coming, float* sums) {
  const int64_t n = step.back.op.n, columns = step.back.op.columns;
  const float* gradient = step.back.gradient;
  Term* end = desk.terms;
  for (int64_t i = 0; i < n; ++i) list(end, i, desk.inputs + i * kBlock + r);
  fetch(step.kernel + next, coming);
  multiply_terms(step.all ? desk.every : desk.terms, step.all ? desk.every_end : end, gradient,
                 row, columns, desk.products + r);
  fetch(step.mean + next, coming);
  add_terms(desk.terms, end, gradient, columns, sums);
  fetch(step.square + next, coming);
}

// A few rows at a time, so that their kernel's gradient never leaves the cache.
void step_block(const Step& step, const Desk& desk, int64_t start, int64_t rows, int64_t last) {
  const int64_t columns = step.back.op.columns;
  for (int64_t block = 0; block < rows; block += kStepped) {
    const int64_t here = std::min(kStepped, rows - block), at = (start + block) * columns;
    std::fill(desk.sums, desk.sums + here * columns, 0.0f);
    for (int64_t r = 0; r < here; ++r) {
      const bool more = start + block + here + r < last;
      differentiate_row(step, desk, step.kernel + at + r * columns, block + r,
                        at + (here + r) * columns, more ? columns : 0, desk.sums + r * columns);
    }
    kernels().adam(step.adam.on(step.kernel + at, step.mean + at, step.square + at), desk.sums, 0,
                   here * columns);
  }
}

void step_rows(const Step& step, int64_t first, int64_t last, Workspace& space) {
  const Desk desk(step.back.op, space);
  for (int64_t start = first; start < last; start += kBlock) {
    const int64_t rows = std::min(kBlock, last - start);
    take_inputs(step, start, rows, last, desk.inputs);
    std::fill(desk.products, desk.products + step.back.op.n * kBlock, 0.0f);
    step_block(step, desk, start, rows, last);
    put_products(step.back, start, rows, desk.products);
  }
}

}  // namespace

STORMLENS_EXPORT(dense_forward)
void web_dense_forward(int32_t n, int32_t rows, int32_t columns, const float* inputs,
                       const float* kernel, const float* bias, float* outputs) {
  dense_forward({n, rows, columns, kernel}, inputs, bias, outputs);
}

STORMLENS_EXPORT(dense_input_gradient)
void web_dense_input_gradient(int32_t n, int32_t rows, int32_t columns, const float* kernel,
                              const float* gradient, float* to) {
  const Back back{{n, rows, columns, kernel}, gradient, to};
  by_rows(back.op, [&](int64_t first, int64_t last, Workspace& space) {
    input_gradient(back, first, last, space);
  });
}

// The gradient of the inputs, and a step of Adam on the kernel, whose own gradient is not stored.
// Where `all` is 0, inputs that are zero get no gradient.
STORMLENS_EXPORT(dense_step)
void web_dense_step(const AdamNumbers* adam, int32_t n, int32_t rows, int32_t columns,
                    int32_t all, const float* inputs, const float* gradient, float* kernel,
                    float* mean, float* square, float* to) {
  const Step step{{{n, rows, columns, kernel}, gradient, to}, *adam, inputs, kernel, mean, square,
                  all != 0};
  by_rows(step.back.op, [&](int64_t first, int64_t last, Workspace& space) {
    step_rows(step, first, last, space);
  });
}

}  // namespace stormlens
