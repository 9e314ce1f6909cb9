// The engine's C interface beside plain loops, on any number of threads, and steps that do not fit.
//
// Built with sanitizers by test_sanitizers.py, with all instruction sets; the environment's
// STORMLENS_INSTRUCTION_SET chooses one. Reference sums are in double precision.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <map>
#include <random>
#include <vector>

extern "C" {

struct StormlensStep {
  int64_t kind, activation;
  int64_t rows, columns, row_stride, column_stride, row_dilation, column_dilation, groups;
  int64_t top, left, bottom, right;
  int64_t outputs, weights, weights_size, bias, bias_size;
  float a, b, c, d;
};

void* stormlens_engine_make(const StormlensStep*, int64_t, int64_t, int64_t, int64_t, float, float,
                            const float*, int64_t, char*, int64_t);
int64_t stormlens_engine_outputs(const void*);
int64_t stormlens_engine_run(void*, const uint8_t*, const float*, int64_t, int64_t, float*);
void stormlens_engine_free(void*);
const char* stormlens_engine_instruction_set();

}  // extern "C"

namespace {

enum { kConvolution, kDense, kHighest, kMean, kActivation, kScale, kNormalise, kNeighbours,
       kGlobalMean, kGlobalHighest, kGlobalBoth, kKeep, kAdd, kFlatten };

[[noreturn]] void fail(const char* what, int example) {
  std::fprintf(stderr, "%s in example %d.\n", what, example);
  std::exit(1);
}

std::mt19937 generator(7);

int64_t whole(int64_t low, int64_t high) {
  return std::uniform_int_distribution<int64_t>(low, high)(generator);
}

float real() { return std::normal_distribution<float>(0, 1)(generator); }

struct Map {
  int64_t height, width, channels;
  std::vector<double> values;

  double at(int64_t y, int64_t x, int64_t c) const {
    return values[static_cast<size_t>((y * width + x) * channels + c)];
  }
};

// A network that is drawn step by step, and what plain loops make of one image.
struct Network {
  int64_t height, width, channels;
  std::vector<StormlensStep> steps;
  std::vector<float> weights;
  std::map<int64_t, int64_t> sizes = {};  // of arrays, by place

  int64_t draw(int64_t count, float deviation) {
    const auto place = static_cast<int64_t>(weights.size());
    sizes[place] = count;
    for (int64_t i = 0; i < count; ++i) weights.push_back(real() * deviation);
    return place;
  }
};

int64_t extent(int64_t cells, int64_t around, int64_t taps, int64_t dilation, int64_t stride) {
  const int64_t reach = (taps - 1) * dilation + 1;
  return cells + around < reach ? 0 : (cells + around - reach) / stride + 1;
}

double curve(const StormlensStep& s, double x) {
  if (s.activation == 1) return x >= s.c ? std::min<double>(x, s.b) : s.a * (x - s.c);
  if (s.activation == 2) return std::tanh(x);
  return x;
}

Map convolved(const StormlensStep& s, const Network& net, const Map& in) {
  const int64_t each = in.channels / s.groups, filters = s.outputs / s.groups;
  Map out{extent(in.height, s.top + s.bottom, s.rows, s.row_dilation, s.row_stride),
          extent(in.width, s.left + s.right, s.columns, s.column_dilation, s.column_stride),
          s.outputs, {}};
  for (int64_t y = 0; y < out.height; ++y)
    for (int64_t x = 0; x < out.width; ++x)
      for (int64_t f = 0; f < s.outputs; ++f) {
        double sum = net.weights[static_cast<size_t>(s.bias + f)];
        for (int64_t i = 0; i < s.rows; ++i)
          for (int64_t j = 0; j < s.columns; ++j) {
            const int64_t row = y * s.row_stride + i * s.row_dilation - s.top;
            const int64_t column = x * s.column_stride + j * s.column_dilation - s.left;
            if (row < 0 || column < 0 || row >= in.height || column >= in.width) continue;
            for (int64_t c = 0; c < each; ++c)
              sum += in.at(row, column, f / filters * each + c) *
                     net.weights[static_cast<size_t>(
                         s.weights + ((i * s.columns + j) * each + c) * s.outputs + f)];
          }
        out.values.push_back(curve(s, sum));
      }
  return out;
}

Map pooled(const StormlensStep& s, const Map& in) {
  Map out{extent(in.height, s.top + s.bottom, s.rows, 1, s.row_stride),
          extent(in.width, s.left + s.right, s.columns, 1, s.column_stride), in.channels, {}};
  for (int64_t y = 0; y < out.height; ++y)
    for (int64_t x = 0; x < out.width; ++x)
      for (int64_t c = 0; c < in.channels; ++c) {
        double highest = -std::numeric_limits<double>::infinity(), sum = 0;
        int64_t count = 0;
        for (int64_t i = 0; i < s.rows; ++i)
          for (int64_t j = 0; j < s.columns; ++j) {
            const int64_t row = y * s.row_stride + i - s.top, column = x * s.column_stride + j - s.left;
            if (row < 0 || column < 0 || row >= in.height || column >= in.width) continue;
            highest = std::max(highest, in.at(row, column, c));
            sum += in.at(row, column, c);
            ++count;
          }
        out.values.push_back(s.kind == kHighest ? highest : sum / static_cast<double>(count));
      }
  return out;
}

Map global(const StormlensStep& s, const Map& in) {
  Map out{1, 1, s.kind == kGlobalBoth ? 2 * in.channels : in.channels, {}};
  for (int pass = 0; pass < 2; ++pass) {
    const bool mean = pass == 0;
    if (s.kind == (mean ? kGlobalHighest : kGlobalMean)) continue;
    for (int64_t c = 0; c < in.channels; ++c) {
      double sum = 0, highest = in.at(0, 0, c);
      for (int64_t cell = 0; cell < in.height * in.width; ++cell) {
        const double value = in.values[static_cast<size_t>(cell * in.channels + c)];
        sum += value;
        highest = std::max(highest, value);
      }
      out.values.push_back(mean ? sum / static_cast<double>(in.height * in.width) : highest);
    }
  }
  return out;
}

Map normalised(const StormlensStep& s, const Network& net, Map in) {
  for (size_t cell = 0; cell < in.values.size(); cell += static_cast<size_t>(in.channels)) {
    double mean = 0, square = 0;
    const auto width = static_cast<size_t>(in.channels);
    for (size_t c = 0; c < width; ++c) mean += in.values[cell + c] / static_cast<double>(width);
    for (size_t c = 0; c < width; ++c)
      square += std::pow(in.values[cell + c] - mean, 2) / static_cast<double>(width);
    for (size_t c = 0; c < width; ++c) {
      const size_t f = static_cast<size_t>(s.weights) + c, o = static_cast<size_t>(s.bias) + c;
      const double value = (in.values[cell + c] - mean) / std::sqrt(square + s.a);
      in.values[cell + c] = value * net.weights[f] + net.weights[o];
    }
  }
  return in;
}

Map stepped(const StormlensStep& s, const Network& net, const Map& in, Map& kept) {
  Map out = in;
  switch (s.kind) {
    case kConvolution:
      return convolved(s, net, in);
    case kDense: {
      Map dense{1, 1, s.outputs, {}};
      for (int64_t unit = 0; unit < s.outputs; ++unit) {
        double sum = net.weights[static_cast<size_t>(s.bias + unit)];
        for (int64_t k = 0; k < in.channels; ++k)
          sum += in.values[static_cast<size_t>(k)] *
                 net.weights[static_cast<size_t>(s.weights + k * s.outputs + unit)];
        dense.values.push_back(curve(s, sum));
      }
      return dense;
    }
    case kHighest:
    case kMean:
      return pooled(s, in);
    case kActivation:
      for (double& value : out.values) value = curve(s, value);
      return out;
    case kScale:
      for (size_t i = 0; i < out.values.size(); ++i) {
        const size_t c = i % static_cast<size_t>(in.channels);
        out.values[i] = out.values[i] * net.weights[static_cast<size_t>(s.weights) + c] +
                        net.weights[static_cast<size_t>(s.bias) + c];
      }
      return out;
    case kNormalise:
      return normalised(s, net, in);
    case kNeighbours:
      for (int64_t cell = 0; cell < in.height * in.width; ++cell)
        for (int64_t c = 0; c < in.channels; ++c) {
          double squares = 0;
          for (int64_t k = std::max<int64_t>(0, c - s.rows / 2);
               k <= std::min(in.channels - 1, c + s.rows / 2); ++k)
            squares += std::pow(in.values[static_cast<size_t>(cell * in.channels + k)], 2);
          out.values[static_cast<size_t>(cell * in.channels + c)] /=
              std::pow(s.a + s.b * squares, s.c);
        }
      return out;
    case kKeep:
      kept = in;
      return out;
    case kAdd:
      for (size_t i = 0; i < out.values.size(); ++i) out.values[i] += kept.values[i];
      return out;
    case kFlatten:
      return {1, 1, static_cast<int64_t>(in.values.size()), in.values};
    default:
      return global(s, in);
  }
}

StormlensStep plain(int64_t kind) {
  StormlensStep s{};
  s.kind = kind;
  s.rows = s.columns = s.row_stride = s.column_stride = s.row_dilation = s.column_dilation = 1;
  s.groups = 1;
  s.weights = s.bias = -1;
  return s;
}

void bend(StormlensStep& s) {
  s.activation = whole(0, 2);
  s.a = 0, s.b = std::numeric_limits<float>::infinity(), s.c = 0;
}

StormlensStep convolution(Network& net, int64_t channels, int64_t outputs, bool dense = false) {
  StormlensStep s = plain(kConvolution);
  s.outputs = outputs;
  s.rows = s.columns = whole(0, 1) != 0 ? 3 : whole(1, 5);
  if (whole(0, 3) == 0) s.columns = whole(1, 5);
  if (!dense) {
    if (whole(0, 2) == 0) s.row_stride = whole(1, 3), s.column_stride = whole(1, 2);
    if (whole(0, 3) == 0) s.row_dilation = whole(1, 2), s.column_dilation = whole(1, 3);
    if (whole(0, 4) == 0 && channels % 2 == 0 && outputs % 2 == 0) s.groups = 2;
  }
  if (whole(0, 1) == 0) s.top = whole(0, 3), s.left = whole(0, 2), s.bottom = whole(0, 3), s.right = 1;
  const int64_t taps = s.rows * s.columns * channels / s.groups;
  s.weights = net.draw(taps * outputs, 1 / std::sqrt(static_cast<float>(taps)));
  s.bias = net.draw(outputs, 0.3f);
  bend(s);
  return s;
}

Network drawn() {
  Network net{whole(1, 26), whole(1, 26), whole(1, 3), {}, {}};
  int64_t h = net.height, w = net.width, c = net.channels;
  // As the chapter's: rows of the pooled maps go straight into a large dense layer.
  const bool joined = whole(0, 3) == 0 && h > 7 && w > 7;
  if (joined) {
    const StormlensStep s = convolution(net, c, whole(1, 40), true);
    StormlensStep pool = plain(kHighest);
    pool.rows = pool.columns = pool.row_stride = pool.column_stride = whole(2, 3);
    net.steps.insert(net.steps.end(), {s, pool});
    h = extent(extent(h, s.top + s.bottom, s.rows, 1, 1), 0, pool.rows, 1, pool.rows);
    w = extent(extent(w, s.left + s.right, s.columns, 1, 1), 0, pool.rows, 1, pool.rows);
    c = s.outputs;
  }
  for (int64_t part = joined ? 0 : whole(0, 4); part > 0; --part) {
    const int64_t choice = whole(0, 9);
    if (choice < 5) {
      StormlensStep s = convolution(net, c, whole(1, 3) * whole(1, 14));
      const int64_t below = extent(h, s.top + s.bottom, s.rows, s.row_dilation, s.row_stride);
      const int64_t right = extent(w, s.left + s.right, s.columns, s.column_dilation, s.column_stride);
      if (below < 1 || right < 1) continue;
      h = below, w = right, c = s.outputs;
      net.steps.push_back(s);
    } else if (choice < 7) {
      StormlensStep s = plain(whole(0, 2) != 0 ? kHighest : kMean);
      s.rows = s.columns = s.row_stride = s.column_stride = whole(1, 3);
      if (whole(0, 3) == 0) s.rows = whole(1, 3), s.column_stride = whole(1, 2);
      if (whole(0, 2) == 0) s.top = s.rows - 1, s.right = s.columns - 1;
      const int64_t below = extent(h, s.top + s.bottom, s.rows, 1, s.row_stride);
      const int64_t right = extent(w, s.left + s.right, s.columns, 1, s.column_stride);
      if (below < 1 || right < 1) continue;
      h = below, w = right;
      net.steps.push_back(s);
    } else if (choice == 7) {
      net.steps.push_back(plain(kKeep));
      StormlensStep s = plain(kConvolution);
      s.rows = s.columns = 3, s.top = s.left = s.bottom = s.right = 1, s.outputs = c;
      s.weights = net.draw(9 * c * c, 1 / std::sqrt(9.0f * static_cast<float>(c)));
      s.bias = net.draw(c, 0.3f);
      if (whole(0, 1) == 0) bend(s);
      net.steps.push_back(s);
      net.steps.push_back(plain(kAdd));
      StormlensStep after = plain(kActivation);
      bend(after);
      net.steps.push_back(after);
    } else {
      StormlensStep s = plain(choice == 8 ? whole(0, 1) + kScale : kNeighbours);
      s.weights = net.draw(c, 1), s.bias = net.draw(c, 0.3f);
      s.a = s.kind == kNeighbours ? 2 : 1e-3f, s.b = 0.01f, s.c = 0.75f;
      if (s.kind == kNeighbours) s.rows = 2 * whole(0, 2) + 1;
      net.steps.push_back(s);
    }
  }
  net.steps.push_back(plain(joined || whole(0, 1) != 0 ? kFlatten : whole(kGlobalMean, kGlobalBoth)));
  int64_t inputs = net.steps.back().kind == kFlatten ? h * w * c
                   : net.steps.back().kind == kGlobalBoth ? 2 * c : c;
  // Now and then a kernel that is large enough to be computed for all images at once.
  for (int64_t units : {joined || whole(0, 3) == 0 ? (1 << 17) / inputs + 1 : whole(1, 40), whole(1, 6)}) {
    StormlensStep s = plain(kDense);
    s.outputs = units;
    s.weights = net.draw(inputs * units, 1 / std::sqrt(static_cast<float>(inputs)));
    s.bias = net.draw(units, 0.3f);
    bend(s);
    net.steps.push_back(s);
    inputs = units;
  }
  for (StormlensStep& s : net.steps)
    if (s.weights >= 0) s.weights_size = net.sizes[s.weights], s.bias_size = net.sizes[s.bias];
  return net;
}

void* make(const Network& net, char* error, int64_t room) {
  return stormlens_engine_make(net.steps.data(), static_cast<int64_t>(net.steps.size()), net.height,
                               net.width, net.channels, 2, 72, net.weights.data(),
                               static_cast<int64_t>(net.weights.size()), error, room);
}

void check_network(int example) {
  const Network net = drawn();
  char error[200];
  void* engine = make(net, error, sizeof error);
  if (engine == nullptr) {
    std::fprintf(stderr, "%s\n", error);
    fail("A network was refused", example);
  }
  const int64_t size = net.height * net.width * net.channels, count = whole(1, 11);
  const int64_t outputs = stormlens_engine_outputs(engine);
  const bool bytes = whole(0, 1) != 0;
  std::vector<uint8_t> raw(static_cast<size_t>(count * size));
  std::vector<float> reals(raw.size()), found(static_cast<size_t>(count * outputs)), again(found);
  for (size_t i = 0; i < raw.size(); ++i) {
    raw[i] = static_cast<uint8_t>(whole(0, 80));
    reals[i] = bytes ? (static_cast<float>(raw[i]) - 2) / 70 : real();
  }
  const auto run = [&](int64_t threads, std::vector<float>& to) {
    if (stormlens_engine_run(engine, bytes ? raw.data() : nullptr, bytes ? nullptr : reals.data(),
                             count, threads, to.data()) != 0)
      fail("Memory ran out", example);
  };
  run(whole(2, 4), found);
  run(1, again);
  if (std::memcmp(found.data(), again.data(), found.size() * sizeof(float)) != 0)
    fail("Threads change numbers", example);
  for (int64_t n : {int64_t{0}, count - 1}) {
    Map map{net.height, net.width, net.channels, {}}, kept{};
    map.values.assign(reals.begin() + n * size, reals.begin() + (n + 1) * size);
    for (const StormlensStep& step : net.steps) map = stepped(step, net, map, kept);
    for (int64_t i = 0; i < outputs; ++i) {
      const double due = map.values[static_cast<size_t>(i)];
      if (!(std::fabs(found[static_cast<size_t>(n * outputs + i)] - due) <
            2e-4 * (1 + std::fabs(due))))
        fail("The engine differs from plain loops", example);
    }
  }
  stormlens_engine_free(engine);
}

// Fields of a good network changed at random: refused, or computed within memory.
void check_damaged(int example) {
  Network net = drawn();
  const int64_t strange[] = {-1, 0, 1, 2, 3, 7, 1 << 17, int64_t{1} << 31, int64_t{1} << 40,
                             std::numeric_limits<int64_t>::max(),
                             std::numeric_limits<int64_t>::min()};
  for (int64_t change = whole(1, 3); change > 0; --change) {
    StormlensStep& step = net.steps[static_cast<size_t>(whole(0, static_cast<int64_t>(net.steps.size()) - 1))];
    auto* fields = reinterpret_cast<int64_t*>(&step);
    fields[whole(0, 17)] = strange[whole(0, 10)];
  }
  char error[40];
  void* engine = make(net, error, sizeof error);
  if (engine == nullptr) {
    if (std::strlen(error) == 0) fail("A refusal says nothing", example);
    return;
  }
  std::vector<float> reals(static_cast<size_t>(2 * net.height * net.width * net.channels), 0.5f);
  const int64_t outputs = stormlens_engine_outputs(engine);
  if (outputs < 1 << 20) {
    std::vector<float> found(static_cast<size_t>(2 * outputs));
    stormlens_engine_run(engine, nullptr, reals.data(), 2, 2, found.data());
  }
  stormlens_engine_free(engine);
}

}  // namespace

int main(int count, char** given) {
  const char* named = std::getenv("STORMLENS_INSTRUCTION_SET");
  if (named != nullptr && std::strcmp(named, stormlens_engine_instruction_set()) != 0) return 77;
  const int networks = count > 1 ? std::atoi(given[1]) : 150;
  for (int example = 0; example < networks; ++example) check_network(example);
  for (int example = 0; example < 3 * networks; ++example) check_damaged(example);
}
