import Foundation
import HDF5
public import Isolation
import Networks
import Storage
import Tensors

/// `ModelReader`, in a process of its own if the program started `Isolation` with these services.
public enum ReadingService {
    /// What to start `Isolation` with, so that no model file can crash, hang or exhaust the program.
    public static let services: [String: Isolation.Service] = [
        outlineName: { request, _ in
            respond { .outline(try ModelReader.outline(of: String(decoding: request, as: UTF8.self))) }
        },
        weightsName: { request, shared in
            respond {
                let order = try JSONDecoder().decode(Order.self, from: Data(request))
                guard let shared else { return .done }
                let count = shared.byteCount / MemoryLayout<Float>.size
                let target = Buffer(sharing: shared.descriptor, count: count)
                try ModelReader.read(order.datasets, of: order.path, into: target.tensor)
                return .done
            }
        },
    ]

    private static let outlineName = "model outline", weightsName = "model weights"

    /// What reading so many bytes may take: 50 MB a second of the processor's time is slow, and no file that hangs.
    ///
    /// What is compressed is decompressed chunk by chunk, and an archive's member is a file on the disk.
    ///
    /// A graph of ONNX is in memory while it is read, with a copy of what is turned around.
    private static func limits(for byteCount: Int, of path: String) -> Isolation.Limits {
        let whole = ONNXReader.isNamed(path) ? min(WholeFile.byteCount(of: path) ?? 0, ONNXModel.byteLimit) : 0
        return Isolation.Limits(seconds: 5 + byteCount / 50_000_000, memory: (512 << 20) + 2 * whole)
    }

    /// Everything that a model file says but its numbers.
    static func outline(of path: String) throws -> ModelOutline {
        // An archive is unpacked for it, so that a large file may take longer.
        let byteCount = WholeFile.byteCount(of: path) ?? 0
        let response = try run(outlineName, Array(path.utf8), nil, limits(for: byteCount, of: path), path)
        guard case .outline(let outline) = response else {
            throw ModelFileError(.refused, path, ["could not be read"])
        }
        return outline
    }

    /// Memory for weights, filled with the numbers of datasets.
    static func weights(
        _ layout: ParameterLayout, _ datasets: [ModelReader.Request], of path: String
    ) throws -> ParameterVector {
        let memory = try filled(layout.extent, datasets, path)
        return ParameterVector(zeros: layout, sharing: memory.descriptor)
    }

    /// The numbers of datasets, each at its place.
    static func numbers(_ datasets: [ModelReader.Request], of path: String) throws -> [Float] {
        let count = datasets.reduce(0) { max($0, $1.place + $1.count) }
        let memory = try filled(count, datasets, path)
        return Buffer(sharing: memory.descriptor, count: count).tensor.values
    }

    private static func filled(_ count: Int, _ datasets: [ModelReader.Request], _ path: String) throws -> MemoryFile {
        let byteCount = max(count, 1) * MemoryLayout<Float>.size
        let memory = try translating(path) { () throws(IsolationError) in try MemoryFile(byteCount: byteCount) }
        let request = try JSONEncoder().encode(Order(path: path, datasets: datasets))
        _ = try run(weightsName, Array(request), memory, limits(for: byteCount, of: path), path)
        return memory
    }

    private struct Order: Codable {
        let path: String
        let datasets: [ModelReader.Request]
    }

    // MARK: Responses

    private enum Response: Codable {
        case outline(ModelOutline)
        case done
        case hdf5(HDF5Error)
        case model(ModelFileError)
    }

    private static func respond(_ body: () throws -> Response) -> [UInt8] {
        let response: Response
        do {
            response = try body()
        } catch let error as HDF5Error {
            response = .hdf5(error)
        } catch let error as ModelFileError {
            response = .model(error)
        } catch {
            response = .model(ModelFileError(.refused, "", ["\(error)"]))
        }
        return (try? JSONEncoder().encode(response)).map { Array($0) } ?? []
    }

    private static func run(
        _ name: String, _ request: [UInt8], _ shared: MemoryFile?, _ limits: Isolation.Limits, _ path: String
    ) throws -> Response {
        guard let service = services[name] else { preconditionFailure("there is no service '\(name)'") }
        let bytes = try translating(path) { () throws(IsolationError) in
            try Isolation.run(name, request, shared: shared, limits: limits, fallback: service)
        }
        guard let response = try? JSONDecoder().decode(Response.self, from: Data(bytes)) else {
            throw ModelFileError(.refused, path, ["the process that reads it gave no result"], advice: damageAdvice)
        }
        switch response {
        case .hdf5(let error): throw error
        case .model(let error): throw error
        default: return response
        }
    }

    private static let damageAdvice = "The file is damaged, or made to do harm"

    private static func translating<Result: ~Copyable>(
        _ path: String, _ body: () throws(IsolationError) -> Result
    ) throws(ModelFileError) -> Result {
        do throws(IsolationError) {
            return try body()
        } catch {
            switch error {
            case .unavailable: throw ModelFileError(.system, path, ["\(error)"])
            default: throw ModelFileError(.refused, path, ["\(error)"], advice: damageAdvice)
            }
        }
    }
}
