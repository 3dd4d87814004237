import Foundation
import HDF5
import ModelFiles
import Testing

/// Memory is compared with what there is before it is taken.
extension ReliabilityTests {
    /// Whoever only asks a model is told as well; in between, see above.
    @Test(arguments: [190_000, 200_000, 215_000, 1_000_000])
    func otherCommandsEndWhereTheShellLimitsMemory(kibibytes: Int) throws {
        try withJob { folder, _ in
            for command in [
                "evaluate digits.h5 --data d.h5", "predict digits.h5 --inputs d.h5:test/x --output p.h5",
                "inspect digits.h5", "convert digits.h5 --output c.h5",
            ] {
                let run = try Program.shell("ulimit -v \(kibibytes); exec $compress \(command) --quiet", in: folder)
                #expect([0, 69].contains(run.code), "\(command): \(run.code): \(run.errors.suffix(2000))")
                if run.code == 69 { #expect(run.errors.contains("'ulimit -v' allows"), "\(run.errors)") }
            }
        }
    }

    /// A block of a hundred thousand outputs an example is more than there is.
    @Test func refusesToAskALargeModelWithoutMemory() throws {
        try withJob { folder, _ in
            try """
            name: large
            input: [12, 12]
            layers:
              - Flatten: {}
              - Dense: {units: 8}
              - Dense: {units: 200000}
              - Dense: {units: classes, activation: softmax}
            """.write(to: folder.appending(path: "large.yaml"), atomically: true, encoding: .utf8)
            let made = try Program.run(
                "train", "--architecture", "large.yaml", "--data", "d.h5", "--epochs", "1", "--output", "large.h5",
                in: folder)
            #expect(made.code == 0, "\(made.errors)")
            for command in ["evaluate large.h5 --data d.h5", "predict large.h5 --inputs d.h5:test/x --output p.h5"] {
                let run = try Program.shell("ulimit -v 300000; exec $compress \(command) --threads 4", in: folder)
                #expect(run.code == 69, "\(run.errors)")
                #expect(run.errors.contains("Choose fewer --threads, or a machine with more"), "\(run.errors)")
            }
            #expect(try !names(in: folder).contains("p.h5"))
        }
    }

    /// What teachers said of thousands of classes is larger than everything else, and must not count as memory.
    @Test func thePlanOfMemoryHolds() throws {
        try withFolder { folder in
            let classes = 3_862, file = try HDF5File(creating: folder.appending(path: "d.h5").path)
            for (split, count) in [("train", 4_000), ("test", 2_000)] {
                let x = (0..<(count * 16)).map { Float(($0 * 37) % 101) / 101 }
                var y = [UInt8](repeating: 0, count: count * classes)
                for row in 0..<count { for label in [row % 7, row % classes] { y[row * classes + label] = 1 } }
                try file.root.createDataset("\(split)/x", x, shape: [count, 16])
                try file.root.createDataset("\(split)/y", y, shape: [count, classes])
            }
            try file.close()
            try
                "name: t\ninput: [16]\nlayers:\n  - Dense: {units: 4}\n  - Dense: {units: classes, activation: sigmoid}\n"
                .write(to: folder.appending(path: "t.yaml"), atomically: true, encoding: .utf8)
            let teachers = ["a.h5", "b.h5", "c.h5"]
            for (seed, teacher) in teachers.enumerated() {
                let run = try Program.run(
                    "train", "--architecture", "t.yaml", "--data", "d.h5", "--epochs", "1", "--seed", "\(seed)",
                    "--output",
                    teacher, in: folder)
                #expect(run.code == 0, "\(run.errors)")
            }
            let job =
                ["--teachers"] + teachers + [
                    "--data", "d.h5", "--student", "t.yaml", "--budget", "1MB", "--epochs", "1", "--no-baseline",
                    "--json",
                    "--output", "s.h5",
                ]
            let plan = try Program.run(job + ["--dry-run"], in: folder).json()
            let planned = try ["teach", "train"].map { try #require(plan["memory_bytes"]?[$0]?.integer) }.max() ?? 0
            let run = try Program.run(job, in: folder)
            #expect(run.code == 0, "\(run.errors)")
            let taken = try #require(try run.json()["peak_memory_bytes"]?.integer)
            #expect(taken <= planned, "\(taken) of \(planned)")
        }
    }
}
