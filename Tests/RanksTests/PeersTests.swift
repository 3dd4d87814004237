import Ranks
import TestSupport
import Testing

/// What processes of a job know of each other, by exchanging bytes.
@Suite struct PeersTests {
    @Test(arguments: [1, 2, 3, 4, 5, 8])
    func allKnowWhatEachSays(count: Int) throws {
        let words = (0..<count).map { Array(repeating: UInt8($0), count: $0 * 300) }
        let all = try ThreadPeers.together(count) { peers in peers.gather(words[peers.rank]) }
        for known in all { #expect(known == words) }
    }

    @Test(arguments: [1, 2, 3, 5])
    func agreeWhereAnyOfThemSaysSo(count: Int) throws {
        for loud in [nil] + (0..<count).map({ $0 as Int? }) {
            let all = try ThreadPeers.together(count) { peers in peers.agree(peers.rank == loud) }
            #expect(all == Array(repeating: loud != nil, count: count))
        }
    }

    @Test(arguments: [1, 2, 3])
    func theFirstOneFinds(count: Int) throws {
        let all = try ThreadPeers.together(count) { peers in peers.ofFirst { "found by \(peers.rank)" } }
        #expect(all == Array(repeating: "found by 0", count: count))
    }

    /// Every item is somebody's, and nobody has more than one more than another.
    @Test(arguments: [1, 2, 3, 7, 8], [0, 1, 2, 5, 8, 100])
    func shareEverything(count: Int, items: Int) throws {
        let shares = try ThreadPeers.together(count) { $0.share(of: items) }
        #expect(shares.flatMap(Array.init) == Array(0..<items))
        #expect((shares.map(\.count).max() ?? 0) - (shares.map(\.count).min() ?? 0) <= 1)
    }

    @Test func areToldInWords() throws {
        #expect(
            try ThreadPeers.together(3) { $0.words } == Array(repeating: "3 processes on 1 host, threads", count: 3))
        #expect(Alone().words == nil)
    }

    @Test func oneProcessIsTheFirst() {
        let alone = Alone()
        #expect(alone.isFirst && alone.count == 1 && alone.agree(true) && !alone.agree(false))
        #expect(alone.gather([3]) == [[3]] && alone.ofFirst { "a" } == "a" && alone.share(of: 7) == 0..<7)
    }
}

/// What launchers of MPI say to the processes that they start, as those of Open MPI, MPICH and Slurm do.
@Suite struct LaunchTests {
    @Test func readsWhatLaunchersSay() throws {
        let open = try #require(MPI.Launch(["OMPI_COMM_WORLD_SIZE": "4", "OMPI_COMM_WORLD_RANK": "2"]))
        #expect(open.count == 4 && open.rank == 2)
        let mpich = try #require(MPI.Launch(["PMI_SIZE": "3", "PMI_RANK": "0"]))
        #expect(mpich.count == 3 && mpich.rank == 0 && mpich != open)
        let slurm = try #require(MPI.Launch(["SLURM_STEP_NUM_TASKS": "8", "SLURM_PROCID": "7"]))
        #expect(slurm.count == 8 && slurm.rank == 7)
    }

    @Test(
        arguments: [
            [:], ["OMPI_COMM_WORLD_SIZE": "1"], ["PMI_SIZE": "x"], ["SLURM_PROCID": "0"], ["SLURM_STEP_NUM_TASKS": "1"],
        ])
    func takesOthersForNone(environment: [String: String]) { #expect(MPI.Launch(environment) == nil) }

    @Test func saysWhichLibraryIsNotThere() throws {
        let launch = try #require(MPI.Launch(["PMI_SIZE": "2", "COMPRESS_MPI_LIBRARY": "libnone.so.1"]))
        let error = #expect(throws: MPIError.self) { try MPI(launch) }
        #expect(
            error?.description
                == "a launcher has started 2 processes (PMI_SIZE), and no library of MPI can be used (libnone.so.1): libnone.so.1: "
                + "cannot open shared object file: No such file or directory. Install it, or name it in COMPRESS_MPI_LIBRARY"
        )
    }
}
