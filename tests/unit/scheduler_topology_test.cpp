// SPDX-License-Identifier: GPL-2.0-only
#include "rustland/core/topology.hpp"
#include "rustland/kernel/sysfs_topology.hpp"
#include "support/temp_tree.hpp"

#include <gmock/gmock.h>

using namespace rustland;
using rustland::test::TempTree;
using testing::ElementsAre;

namespace {

std::vector<int> ids(const std::vector<CpuId>& cpus) {
    std::vector<int> numbers;
    for (const CpuId cpu : cpus)
        numbers.push_back(cpu.value);
    return numbers;
}

template <typename Get> auto each(const Topology& topology, Get get) {
    std::vector<int> values;
    for (const Cpu& cpu : topology.cpus)
        values.push_back(static_cast<int>(get(cpu)));
    return values;
}

// A fake /sys with CPUs.
class Machine {
  public:
    Machine(const std::string& possible, const std::string& online) {
        tree_.write(kCpus + "possible", possible);
        tree_.write(kCpus + "online", online);
    }
    void cpu(int id, const std::string& file, const std::string& text) {
        tree_.write(kCpus + "cpu" + std::to_string(id) + "/" + file, text);
    }
    void node(int id, const std::string& cpus, const std::string& online) {
        tree_.write("devices/system/node/online", online);
        tree_.write("devices/system/node/node" + std::to_string(id) + "/cpulist", cpus);
    }
    // The caches of an ordinary x86 core.
    void caches(int id, const std::string& core, const std::string& shared_l3) {
        const char* const types[] = {"Data", "Instruction", "Unified", "Unified"};
        const char* const levels[] = {"1", "1", "2", "3"};
        for (int i = 0; i < 4; ++i) {
            const std::string index = "cache/index" + std::to_string(i) + "/";
            cpu(id, index + "level", levels[i]);
            cpu(id, index + "type", types[i]);
            cpu(id, index + "shared_cpu_list", i == 3 ? shared_l3 : core);
        }
        cpu(id, "topology/core_cpus_list", core);
        cpu(id, "topology/physical_package_id", "0");
    }
    [[nodiscard]] Result<Topology> read() const { return read_topology(tree_.root()); }

  private:
    const std::string kCpus = "devices/system/cpu/";
    TempTree tree_;
};

} // namespace

TEST(CpuList, ReadsWhatTheKernelWrites) {
    EXPECT_THAT(ids(*parse_cpu_list("0-3,8,10-11")), ElementsAre(0, 1, 2, 3, 8, 10, 11));
    EXPECT_THAT(ids(*parse_cpu_list("5")), ElementsAre(5));
    EXPECT_TRUE(parse_cpu_list("")->empty());
}

TEST(CpuList, RefusesEverythingElse) {
    for (const char* text : {"x", "1-", "-1", "3-1", "1,,2", "1,", ",1", "1 ", "2,1", "1-3,3",
                             "0x1", "70000", "99999999999", "1-2-3"})
        EXPECT_FALSE(parse_cpu_list(text)) << text;
}

TEST(Topology, EightCoresWithTwoCachesAndSmt) {
    // Threads N and N + 8 share a core; cores 0 to 3 and 4 to 7 share a cache.
    Machine machine("0-15", "0-15");
    for (int id = 0; id < 16; ++id) {
        const int core = id % 8;
        machine.caches(id, std::to_string(core) + "," + std::to_string(core + 8),
                       core < 4 ? "0-3,8-11" : "4-7,12-15");
    }
    const auto topology = machine.read();
    ASSERT_TRUE(topology);
    EXPECT_EQ(topology->nr_ids, 16U);
    EXPECT_EQ(topology->nr_online, 16U);
    EXPECT_EQ(topology->nr_llcs, 2U);
    EXPECT_EQ(topology->nr_cores, 8U);
    EXPECT_TRUE(topology->has_smt());
    EXPECT_FALSE(topology->has_mixed_capacity());
    EXPECT_TRUE(topology->big_by_id().empty());
    EXPECT_THAT(topology->llc_by_id(), ElementsAre(0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1, 1, 1));
    EXPECT_EQ(topology->cpus[3].core, topology->cpus[11].core);
    EXPECT_NE(topology->cpus[3].core, topology->cpus[4].core);
}

TEST(Topology, BigAndLittleCores) {
    Machine machine("0-5", "0-5");
    for (int id = 0; id < 6; ++id) {
        const bool big = id >= 4;
        machine.cpu(id, "cpu_capacity", big ? "1024" : "446");
        machine.cpu(id, "cpufreq/cpuinfo_max_freq",
                    "1800000"); // not asked, since capacity is known
        machine.cpu(id, "cache/index0/level", "2");
        machine.cpu(id, "cache/index0/type", "Unified");
        machine.cpu(id, "cache/index0/shared_cpu_list", big ? "4-5" : "0-3");
        machine.cpu(id, "topology/physical_package_id", "0");
        machine.cpu(id, "topology/thread_siblings_list", std::to_string(id)); // older kernels
    }
    const auto topology = machine.read();
    ASSERT_TRUE(topology);
    EXPECT_TRUE(topology->has_mixed_capacity());
    EXPECT_FALSE(topology->has_smt());
    EXPECT_THAT(each(*topology, [](const Cpu& cpu) { return cpu.capacity; }),
                ElementsAre(446, 446, 446, 446, 1024, 1024));
    EXPECT_THAT(topology->big_by_id(), ElementsAre(0, 0, 0, 0, 1, 1));
    EXPECT_THAT(topology->llc_by_id(), ElementsAre(0, 0, 0, 0, 1, 1));
}

TEST(Topology, CapacityFromCppcIsScaledAndUsedOnlyIfEveryCpuHasIt) {
    Machine machine("0-1", "0-1");
    machine.cpu(0, "acpi_cppc/highest_perf", "200");
    machine.cpu(1, "acpi_cppc/highest_perf", "100");
    EXPECT_THAT(each(*machine.read(), [](const Cpu& cpu) { return cpu.capacity; }),
                ElementsAre(1024, 512));
    machine.cpu(1, "acpi_cppc/highest_perf", "0");
    machine.cpu(0, "cpufreq/cpuinfo_max_freq", "2000000");
    machine.cpu(1, "cpufreq/cpuinfo_max_freq", "4000000");
    EXPECT_THAT(each(*machine.read(), [](const Cpu& cpu) { return cpu.capacity; }),
                ElementsAre(512, 1024));
}

TEST(Topology, ASourceInWhichAllAreEqualDoesNotHideOneThatTellsThemApart) {
    Machine machine("0-3", "0-3");
    for (int id = 0; id < 4; ++id) {
        machine.cpu(id, "cpu_capacity", "1024");
        machine.cpu(id, "acpi_cppc/highest_perf", id < 2 ? "42" : "68");
    }
    EXPECT_THAT(machine.read()->big_by_id(), ElementsAre(0, 0, 1, 1));
    EXPECT_TRUE(machine.read()->has_mixed_capacity());
    // Nor does one that knows no more than how far single cores may be overclocked.
    for (int id = 0; id < 4; ++id) {
        machine.cpu(id, "cpu_capacity", id == 3 ? "1024" : "1009");
        machine.cpu(id, "acpi_cppc/highest_perf", "64");
        machine.cpu(id, "cpufreq/cpuinfo_max_freq", id < 2 ? "3900000" : "5100000");
    }
    EXPECT_THAT(machine.read()->big_by_id(), ElementsAre(0, 0, 1, 1));
    EXPECT_THAT(each(*machine.read(), [](const Cpu& cpu) { return cpu.capacity; }),
                ElementsAre(783, 783, 1024, 1024));
}

TEST(Topology, PreferredCoreRanksAreNoSizes) {
    Machine machine("0-15", "0-15");
    for (int id = 0; id < 16; ++id) {
        machine.cpu(id, "acpi_cppc/highest_perf", std::to_string(236 - id * 70 / 15));
        machine.cpu(id, "cpufreq/cpuinfo_max_freq", id < 8 ? "5759000" : "5271000");
    }
    EXPECT_TRUE(machine.read()->big_by_id().empty());
    EXPECT_FALSE(machine.read()->has_mixed_capacity());
    for (int id = 0; id < 16; ++id)
        machine.cpu(id, "acpi_cppc/highest_perf", id < 8 ? "236" : "166");
    EXPECT_TRUE(machine.read()->big_by_id().empty());
    // Dense cores of such a machine are told apart by what they can really reach.
    for (int id = 8; id < 16; ++id)
        machine.cpu(id, "cpufreq/cpuinfo_max_freq", "3300000");
    EXPECT_THAT(machine.read()->big_by_id(),
                ElementsAre(1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0));
}

TEST(Topology, TheLargeOnesEndWhereTheFirstWideGapIs) {
    Machine machine("0-5", "0-5");
    const char* const sizes[] = {"326", "326", "880", "880", "1024", "1024"};
    for (int id = 0; id < 6; ++id)
        machine.cpu(id, "cpu_capacity", sizes[id]);
    EXPECT_THAT(machine.read()->big_by_id(), ElementsAre(0, 0, 1, 1, 1, 1));
    machine.cpu(2, "cpu_capacity", "700");
    machine.cpu(3, "cpu_capacity", "700");
    EXPECT_THAT(machine.read()->big_by_id(), ElementsAre(0, 0, 0, 0, 1, 1));
}

TEST(Topology, AnOfflineCpuDoesNotMakeTheOthersSmall) {
    Machine machine("0-2", "0-1");
    for (int id = 0; id < 3; ++id)
        machine.cpu(id, "cpufreq/cpuinfo_max_freq", id == 2 ? "5000000" : "2000000");
    EXPECT_TRUE(machine.read()->big_by_id().empty());
    EXPECT_THAT(each(*machine.read(), [](const Cpu& cpu) { return cpu.capacity; }),
                ElementsAre(1024, 1024, 1024));
}

TEST(Topology, OfflineCpusAndGapsInTheNumbers) {
    // CPU 1 is offline, so sysfs says nothing about it; 4 to 7 do not exist.
    Machine machine("0-3,8-9", "0,2-3,8-9");
    for (const int id : {0, 2, 3})
        machine.caches(id, std::to_string(id), "0,2-3");
    for (const int id : {8, 9})
        machine.caches(id, std::to_string(id), "8-9");
    const auto topology = machine.read();
    ASSERT_TRUE(topology);
    EXPECT_EQ(topology->nr_ids, 10U);
    EXPECT_EQ(topology->nr_online, 5U);
    EXPECT_EQ(topology->nr_llcs, 2U);
    EXPECT_FALSE(topology->cpus[1].online);
    EXPECT_THAT(topology->llc_by_id(), ElementsAre(0, 0, 0, 0, 0, 0, 0, 0, 1, 1));
}

TEST(Topology, FirstCpuOfflineDoesNotTakeACacheForItself) {
    Machine machine("0-1", "1");
    machine.caches(1, "1", "1");
    const auto topology = machine.read();
    ASSERT_TRUE(topology);
    EXPECT_EQ(topology->nr_llcs, 1U);
    EXPECT_THAT(topology->llc_by_id(), ElementsAre(0, 0));
}

TEST(Topology, WithoutCacheInformationThePackageCounts) {
    Machine machine("0-3", "0-3");
    for (int id = 0; id < 4; ++id)
        machine.cpu(id, "topology/physical_package_id", id < 2 ? "0" : "1");
    EXPECT_THAT(machine.read()->llc_by_id(), ElementsAre(0, 0, 1, 1));
}

TEST(Topology, AMachineThatTellsNothingIsOneCache) {
    Machine machine("0-3", "0-3");
    for (int id = 0; id < 4; ++id)
        machine.cpu(id, "topology/physical_package_id", "-1");
    const auto topology = machine.read();
    EXPECT_EQ(topology->nr_llcs, 1U);
    EXPECT_EQ(topology->nr_cores, 4U);
    EXPECT_EQ(topology->nr_nodes, 1U);
    EXPECT_THAT(each(*topology, [](const Cpu& cpu) { return cpu.capacity; }),
                ElementsAre(1024, 1024, 1024, 1024));
}

TEST(Topology, NumaNodesAreNumberedWithoutGaps) {
    Machine machine("0-3", "0-3");
    machine.node(0, "0-1", "0,4");
    machine.node(4, "2-3", "0,4");
    const auto topology = machine.read();
    EXPECT_EQ(topology->nr_nodes, 2U);
    EXPECT_THAT(each(*topology, [](const Cpu& cpu) { return cpu.node; }), ElementsAre(0, 0, 1, 1));
}

TEST(Topology, InstructionCachesAreNoLastLevel) {
    Machine machine("0-1", "0-1");
    for (int id = 0; id < 2; ++id) {
        machine.cpu(id, "cache/index0/level", "1");
        machine.cpu(id, "cache/index0/type", "Data");
        machine.cpu(id, "cache/index0/shared_cpu_list", std::to_string(id));
        machine.cpu(id, "cache/index1/level", "2");
        machine.cpu(id, "cache/index1/type", "Instruction");
        machine.cpu(id, "cache/index1/shared_cpu_list", "0-1");
    }
    EXPECT_EQ(machine.read()->nr_llcs, 2U);
}

TEST(Topology, AMissingOrBrokenListIsAnErrorThatNamesTheFile) {
    const TempTree empty;
    const auto missing = read_topology(empty.root());
    ASSERT_FALSE(missing);
    EXPECT_NE(missing.error().message().find("cpu/possible"), std::string::npos);
    const Machine broken("0-x", "0");
    ASSERT_FALSE(broken.read());
    EXPECT_NE(broken.read().error().message().find("'0-x'"), std::string::npos);
}
