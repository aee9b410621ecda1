#include "dispatch.h"

#include <atomic>
#include <cstdlib>
#include <stdexcept>

#include "cpu.h"

namespace bitindex {

extern const KernelTable kGenericKernels;
#if defined(__x86_64__) || defined(_M_X64)
extern const KernelTable kAvx2Kernels;
extern const KernelTable kAvx512Kernels;
#elif defined(__aarch64__) || defined(_M_ARM64)
extern const KernelTable kNeonKernels;
#endif

namespace {

struct Isa {
  const KernelTable* kernels;
  bool supported;
};

// THE list of instruction sets, best first.
std::vector<Isa> isas() {
  const CpuFeatures& cpu = cpu_features();
  (void)cpu;
  return {
#if defined(__x86_64__) || defined(_M_X64)
      {&kAvx512Kernels, cpu.avx512},
      {&kAvx2Kernels, cpu.avx2},
#elif defined(__aarch64__) || defined(_M_ARM64)
      {&kNeonKernels, cpu.neon},
#endif
      {&kGenericKernels, true},
  };
}

std::atomic<const KernelTable*> active{nullptr};

}  // namespace

const KernelTable& kernels_named(const std::string& name) {
  std::string choices;
  bool compiled = false;
  for (const Isa& isa : isas()) {
    if (isa.kernels->name == name) {
      if (isa.supported) return *isa.kernels;
      compiled = true;
    }
    if (isa.supported) choices += (choices.empty() ? "" : ", ") + std::string(isa.kernels->name);
  }
  throw std::invalid_argument("BITINDEX_ISA=" + name +
                              (compiled ? " is not supported by this CPU" : " is unknown") +
                              "; choose one of: " + choices);
}

const KernelTable& active_kernels() {
  const KernelTable* kernels = active.load(std::memory_order_acquire);
  if (kernels == nullptr) {
    const char* forced = std::getenv("BITINDEX_ISA");
    kernels = &kernels_named(forced != nullptr && *forced != '\0' ? forced : supported_isas()[0]);
    active.store(kernels, std::memory_order_release);
  }
  return *kernels;
}

std::vector<std::string> compiled_isas() {
  std::vector<std::string> names;
  for (const Isa& isa : isas()) names.emplace_back(isa.kernels->name);
  return names;
}

std::vector<std::string> supported_isas() {
  std::vector<std::string> names;
  for (const Isa& isa : isas())
    if (isa.supported) names.emplace_back(isa.kernels->name);
  return names;
}

void use_isa(const std::string& name) {
  active.store(&kernels_named(name), std::memory_order_release);
}

}  // namespace bitindex
