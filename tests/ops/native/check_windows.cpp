// The C interface of sliding windows: the same bits for any number of threads, what one task alone
// computes, and sizes that do not fit.
//
// Built with sanitizers by test_sanitizers.py, with the baseline's code alone: check_sliding.cpp
// holds each instruction set's against plain loops. All arrays have their exact size.

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <vector>

#include "sliding.hpp"

extern "C" {

struct StormlensShiftAndStitch {
  int64_t height, width, channels, starts, step;
  int64_t kernel_rows, kernel_columns, filters, pool, relu, winograd;
  int64_t row_step, column_step, dilation, rows, columns, cell_rows, cell_columns;
  int64_t image_size, starts_size, weights_size, bias_size, blank_size, reply_size, pooled_size;
};

struct StormlensDenseWindows {
  int64_t height, width, channels, units;
  int64_t row_step, column_step, dilation, rows, columns, cell_rows, cell_columns;
  int64_t image_size, kernel_size, bias_size, outputs_size;
};

void* stormlens_helpers_make(int64_t threads);
void stormlens_helpers_free(void* helpers);
int64_t stormlens_shift_and_stitch(void*, const StormlensShiftAndStitch*, const float*, const int64_t*,
                             const float*, const float*, const float*, const float*, float*, char*,
                             int64_t);
int64_t stormlens_dense_windows(void*, const StormlensDenseWindows*, const float*, const float*,
                                const float*, float*, char*, int64_t);

}  // extern "C"

using namespace stormlens;

namespace {

using Floats = std::vector<float>;
std::mt19937 generator(11);

int64_t whole(int64_t low, int64_t high) {
  return std::uniform_int_distribution<int64_t>(low, high)(generator);
}

Floats values(int64_t count) {
  Floats out(static_cast<size_t>(count));
  for (float& value : out) value = static_cast<float>(whole(-8, 8)) / 8;
  return out;
}

[[noreturn]] void fail(const char* what, int example) {
  std::fprintf(stderr, "%s in example %d.\n", what, example);
  std::exit(1);
}

// Threads for some calls.
struct Threads {
  explicit Threads(int64_t count) : made(stormlens_helpers_make(count)) {}
  ~Threads() { stormlens_helpers_free(made); }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;
  void* made;
};

// A call's sizes changed one by one: each is refused in a sentence, before anything is touched.
template <typename Given, typename Call>
void refuse_other_sizes(const Given& given, int64_t sizes, const Call& call, int example) {
  constexpr auto kFields = static_cast<int64_t>(sizeof(Given) / sizeof(int64_t));
  for (int64_t field = kFields - sizes; field < kFields; ++field)
    for (const int64_t change : {int64_t{-1}, int64_t{1}, int64_t{1} << 62}) {
      Given other = given;
      reinterpret_cast<int64_t*>(&other)[field] += change;
      char error[200] = "";
      if (call(other, error, sizeof(error)) != 2) fail("another size was not refused", example);
      if (error[0] == '\0' || std::strlen(error) > 150) fail("no sentence came", example);
    }
  for (int64_t field = 0; field < kFields - sizes; ++field)
    for (const int64_t value : {int64_t{-1}, int64_t{1} << 40, INT64_MAX}) {
      Given other = given;
      reinterpret_cast<int64_t*>(&other)[field] = value;
      char error[20] = "";  // shorter than a sentence
      // What is true or false may be any number.
      const bool flag = sizeof(Given) == sizeof(StormlensShiftAndStitch) && (field == 9 || field == 10);
      if (!flag && call(other, error, sizeof(error)) != 2) fail("a wild size was taken", example);
      if (std::memchr(error, '\0', sizeof(error)) == nullptr) fail("a sentence ran over", example);
    }
}

void check_shift_and_stitch(int example) {
  StormlensShiftAndStitch s{};
  s.winograd = example % 2;
  s.channels = s.winograd ? 16 : whole(1, 4);
  s.kernel_rows = s.winograd ? 3 : whole(1, 3), s.kernel_columns = s.winograd ? 3 : whole(1, 3);
  s.height = whole(20, 90), s.width = whole(8, 30), s.starts = whole(1, 3), s.step = whole(1, 2);
  s.filters = whole(1, 40), s.pool = whole(1, 3), s.relu = whole(0, 1);
  s.row_step = whole(1, 2), s.column_step = whole(1, 3), s.dilation = whole(1, 2);
  s.rows = whole(1, 60), s.columns = whole(1, 6), s.cell_rows = whole(1, 3);
  s.cell_columns = whole(1, 3);
  const int64_t panels = (s.filters + kPanel - 1) / kPanel;
  const int64_t taps = (s.winograd ? 64 : s.kernel_rows * s.kernel_columns) * s.channels;
  s.image_size = s.height * s.width * s.channels, s.starts_size = 2 * s.starts;
  s.weights_size = panels * taps * kPanel, s.bias_size = panels * kPanel;
  s.blank_size = s.channels, s.reply_size = s.filters;
  const int64_t of_start = s.rows * s.columns * s.cell_rows * s.cell_columns * s.filters;
  s.pooled_size = s.starts * of_start;
  Floats image = values(s.image_size);
  const Floats weights = values(s.weights_size), bias = values(s.bias_size);
  const Floats blank = values(s.blank_size), reply = values(s.reply_size);
  for (int64_t cell = 0; cell < s.height * s.width / 2; ++cell)
    std::copy(blank.begin(), blank.end(), image.begin() + cell * s.channels);
  std::vector<int64_t> starts;
  for (int64_t i = 0; i < s.starts_size; ++i) starts.push_back(whole(0, 4));

  std::vector<Floats> found;
  for (int64_t threads = 1; threads <= 4; ++threads) {
    const Threads helpers(threads);
    found.emplace_back(static_cast<size_t>(s.pooled_size), NAN);
    for (int again = 0; again < 2; ++again)
      if (stormlens_shift_and_stitch(helpers.made, &s, image.data(), starts.data(), weights.data(),
                               bias.data(), blank.data(), reply.data(), found.back().data(),
                               nullptr, 0) != 0)
        fail("a convolution was not done", example);
    if (std::memcmp(found.back().data(), found[0].data(), found[0].size() * sizeof(float)) != 0)
      fail("threads change a convolution", example);
  }
  // One task for each start; tiles that begin elsewhere round and see blanks in another way, so
  // that only what is not by tiles is alike.
  Workspace space;
  for (int64_t start = 0; !s.winograd && start < s.starts; ++start) {
    Floats due(static_cast<size_t>(of_start));
    const ShiftAndStitch op{image.data(), s.height, s.width, s.channels,
                        starts[static_cast<size_t>(2 * start)],
                        starts[static_cast<size_t>(2 * start + 1)], s.step, s.kernel_rows,
                        s.kernel_columns, s.filters,
                        {s.row_step, s.dilation, s.rows, s.cell_rows},
                        {s.column_step, s.dilation, s.columns, s.cell_columns}, s.pool,
                        s.relu != 0, false, weights.data(), bias.data(), blank.data(),
                        reply.data(), due.data()};
    sliding_code().shift_and_stitch(op, 0, op.down.extent(), space);
    for (size_t i = 0; i < due.size(); ++i)
      if (!(std::abs(due[i] - found[0][static_cast<size_t>(start * of_start) + i]) < 1e-4f))
        fail("tasks change a convolution", example);
  }
  const Threads helpers(2);
  refuse_other_sizes(s, 7, [&](const StormlensShiftAndStitch& other, char* error, int64_t room) {
    return stormlens_shift_and_stitch(helpers.made, &other, image.data(), starts.data(), weights.data(),
                                bias.data(), blank.data(), reply.data(), found[0].data(), error,
                                room);
  }, example);
}

void check_dense_windows(int example) {
  StormlensDenseWindows s{};
  s.channels = whole(1, 20), s.units = whole(1, 140);
  s.row_step = whole(1, 3), s.column_step = whole(1, 3), s.dilation = whole(1, 3);
  s.rows = whole(1, 30), s.columns = whole(1, 30), s.cell_rows = whole(1, 5);
  s.cell_columns = whole(1, 5);
  s.height = s.row_step * (s.rows - 1) + s.dilation * (s.cell_rows - 1) + 1 + whole(2, 4);
  s.width = s.column_step * (s.columns - 1) + s.dilation * (s.cell_columns - 1) + 3;
  s.image_size = s.height * s.width * s.channels, s.bias_size = s.units;
  s.kernel_size = s.cell_rows * s.cell_columns * s.channels * s.units;
  s.outputs_size = s.rows * s.columns * s.units;
  const Floats image = values(s.image_size), kernel = values(s.kernel_size);
  const Floats bias = values(s.bias_size);
  std::vector<Floats> found;
  for (int64_t threads = 1; threads <= 4; ++threads) {
    const Threads helpers(threads);
    found.emplace_back(static_cast<size_t>(s.outputs_size), NAN);
    if (stormlens_dense_windows(helpers.made, &s, image.data(), kernel.data(), bias.data(),
                                found.back().data(), nullptr, 0) != 0)
      fail("a dense layer was not done", example);
    if (std::memcmp(found.back().data(), found[0].data(), found[0].size() * sizeof(float)) != 0)
      fail("threads change a dense layer", example);
  }
  const int64_t line = s.width * s.channels;
  for (int64_t i = 0; i < s.rows; ++i)
    for (int64_t k = 0; k < s.columns; ++k)
      for (int64_t unit = 0; unit < s.units; unit += 7) {
        double sum = bias[static_cast<size_t>(unit)];
        for (int64_t u = 0; u < s.cell_rows; ++u)
          for (int64_t v = 0; v < s.cell_columns; ++v)
            for (int64_t c = 0; c < s.channels; ++c)
              sum += image[static_cast<size_t>((s.row_step * i + s.dilation * u) * line +
                                               (s.column_step * k + s.dilation * v) * s.channels +
                                               c)] *
                     kernel[static_cast<size_t>(
                         ((u * s.cell_columns + v) * s.channels + c) * s.units + unit)];
        const float got = found[0][static_cast<size_t>((i * s.columns + k) * s.units + unit)];
        if (!(std::abs(got - sum) < 1e-3)) fail("a dense layer differs from plain loops", example);
      }
  const Threads helpers(2);
  refuse_other_sizes(s, 4, [&](const StormlensDenseWindows& other, char* error, int64_t room) {
    return stormlens_dense_windows(helpers.made, &other, image.data(), kernel.data(), bias.data(),
                                   found[0].data(), error, room);
  }, example);
}

}  // namespace

int main(int count, char** arguments) {
  const int examples = count > 1 ? std::atoi(arguments[1]) : 40;
  for (int example = 0; example < examples; ++example) {
    check_shift_and_stitch(example);
    check_dense_windows(example);
  }
  return 0;
}
