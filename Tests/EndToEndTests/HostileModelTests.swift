import Foundation
import Testing

/// Model files made to crash, hang, grow or read something else, and some that `Tools/fuzz` found: each is refused in
/// one sentence. `Tools/reference/hostile_fixtures.py` has made them.
@Suite struct HostileModelTests {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Hostile")

    @Test(arguments: [
        ("bomb.keras", "'bomb.keras': 'config.json' declares 68157440 bytes; at most 67108864 are read"),
        (
            "chunks-of-zeros.h5",
            "could not open '/model_weights/d/kernel' in 'chunks-of-zeros.h5': it declares 4294967296 bytes of data, but "
                + "only 65242 bytes are stored"
        ),
        ("circle.keras", "'circle.keras:model.weights.h5': its groups lead into each other without end"),
        (
            "climbs-out.keras",
            "'climbs-out.keras': is a zip archive without 'config.json' (it has '../../config.json', "
                + "'/model.weights.h5'), so no .keras file."
        ),
        (
            "declared-terabytes.h5",
            "could not open '/model_weights/d/kernel' in 'declared-terabytes.h5': it declares 8796093022208 bytes of "
                + "data, but only 0 bytes are stored"
        ),
        ("deep-json.h5", "'deep-json.h5': its architecture is not JSON: byte 100: nested deeper than 100 levels"),
        (
            "external-link.h5",
            "could not open '/model_weights/d/kernel' in 'external-link.h5': it is a link to another file, and those are "
                + "not followed"
        ),
        (
            "external-storage.h5",
            "could not open '/model_weights/d/kernel' in 'external-storage.h5': its data are in another file, and those "
                + "are not read"
        ),
        (
            "huge-layer.h5",
            "'huge-layer.h5': 2 problems: layer 'd', parameter 'kernel': expected shape [16000000, 16000000], found "
                + "[3, 2]; layer 'd', parameter 'bias': expected shape [16000000], found [2]"
        ),
        (
            "lies.keras",
            "'lies.keras': 'model.weights.h5' declares 1099511627776 bytes; at most 268510856 are read"
        ),
        ("many-members.keras", "'many-members.keras': the archive announces 1001 members; at most 1000 are read"),
        (
            "no-weights.keras",
            "'no-weights.keras': is an archive without 'model.weights.h5', but 'model.weights.npz'. In Keras, save with "
                + "the default format of weights, or with model.save('model.h5')"
        ),
        ("own-child.h5", "could not open 'own-child.h5': the index of a group leads back into itself"),
        (
            "soft-link-circle.h5",
            "could not look for '/model_weights/d/kernel' in 'soft-link-circle.h5': special link traversal failed (too "
                + "many links)"
        ),
        // HDF5 1.10 cannot read what later versions write of them; either way nothing is followed.
        ("virtual-dataset.h5", "could not open '/model_weights/d/kernel' in 'virtual-dataset.h5': "),
    ])
    func refuses(name: String, message: String) throws {
        try withFolder { folder in
            try FileManager.default.copyItem(
                at: Self.folder.appending(path: name), to: folder.appending(path: name))
            let run = try Program.run("convert", name, "--output", "out.h5", "--json", in: folder)
            #expect(run.code == 65)
            let said = try run.json()["error"]?["message"]?.string ?? ""
            #expect(said.hasPrefix(message), "\(said)")
            #expect(try names(in: folder) == [name])
        }
    }

    /// HDF5 1.10.8 crashes on each of these, and other versions may refuse them.
    @Test(arguments: ["compiled", "compiled-k2", "digits-k2", "hashing", "lambda-k2", "names-nowhere"])
    func survivesWhatBreaksTheLibrary(name: String) throws {
        try withFolder { folder in
            let file = "found-\(name).h5"
            try FileManager.default.copyItem(at: Self.folder.appending(path: file), to: folder.appending(path: file))
            let run = try Program.run("convert", file, "--output", "out.h5", in: folder)
            #expect(run.code == 65, "\(run.errors)")
            #expect(run.errors.hasPrefix("error: ") && run.errors.contains(file))
            #expect(try names(in: folder) == [file])
        }
    }

    /// Opening a pipe waits for a writer, who may never come.
    @Test(arguments: ["pipe.h5", "pipe.keras", "link.h5"])
    func doesNotWaitForPipes(name: String) throws {
        try withFolder { folder in
            let run = try Program.shell(
                "mkfifo pipe.h5 pipe.keras; ln -s pipe.h5 link.h5; timeout 8 $compress inspect \(name)", in: folder)
            #expect(run.code == 66)
            #expect(
                run.errors
                    == "error: could not open '\(name)': it is a pipe, not a regular file; write its content to a file "
                    + "first\n")
        }
    }

    @Test func testsEveryFile() throws {
        let files = try FileManager.default.contentsOfDirectory(atPath: Self.folder.path)
        #expect(files.count == 21)
    }

    /// The reading process can open nothing but the model.
    @Test func readsNothingElse() throws {
        try withFolder { folder in
            try FileManager.default.copyItem(
                at: Self.folder.appending(path: "external-link.h5"), to: folder.appending(path: "external-link.h5"))
            // The file that the link names is there, and good.
            try copyFixture("dense.h5", to: folder)
            try FileManager.default.moveItem(
                at: folder.appending(path: "dense.h5"), to: folder.appending(path: "other.h5"))
            #expect(try Program.run("inspect", "external-link.h5", in: folder).code == 65)
        }
    }
}
