import HDF5
import Isolation
import Protobuf
import Tensors

/// Reads a model from an ONNX file: as the model of Keras that computes the same.
enum ONNXReader {
    /// Whether a file has the suffix, or begins as such files do.
    static func isNamed(_ path: String) -> Bool {
        if path.lowercased().hasSuffix(".onnx") { return true }
        return FileKind(of: path) == .onnx
    }

    /// What to do with a model that is not read.
    private static let advice =
        "What it predicts can teach in its place: --teachers NAME=predictions.npz (docs/teachers.md)"

    /// Everything but the numbers.
    ///
    /// - Throws: `ModelFileError` with the node that is not read, and what of it.
    static func outline(of path: String) throws -> ModelOutline {
        let bytes = try bytes(of: path)
        let read = try network(bytes, path), weights = read.layers.flatMap(\.storedWeights)
        var outline = ModelOutline(
            byteCount: bytes.all.count, configuration: read.configuration.description, form: .named,
            groups: weights.isEmpty ? [] : [ModelOutline.Group(name: "", weights: weights)])
        outline.provenance = read.model.metadata["provenance"]
        outline.classNames = read.model.metadata["classes"].flatMap { try? JSON(parsing: $0) }?.classNames
        return outline
    }

    /// Reads the numbers of weights, each to its place in `target`.
    static func read(_ requests: [ModelReader.Request], of path: String, into target: Tensor) throws {
        let read = try network(bytes(of: path), path)
        var numbers: [String: ONNXConstant] = [:]
        for layer in read.layers {
            for weight in layer.weights { numbers["\(layer.name)/\(weight.name)"] = weight.numbers }
        }
        for request in requests {
            guard let constant = numbers[request.path], constant.count == request.count, request.place >= 0,
                request.place <= target.elementCount - request.count
            else { throw ModelFileError(.refused, path, ["'\(request.path)' changed while it was read"]) }
            target.slice(at: request.place, count: request.count).copy(from: try constant.reals())
        }
    }

    private static func bytes(of path: String) throws -> ONNXBytes {
        let kind = FileKind(of: path)
        if let kind, kind != .onnx, kind != .unknown {
            throw ModelFileError(.refused, path, [kind.refusal(for: .model, insteadOf: "ONNX")])
        }
        let bytes = try ONNXBytes(of: path)
        Isolation.closeDoors()
        return bytes
    }

    private static func network(_ bytes: ONNXBytes, _ path: String) throws -> ONNXImport {
        do {
            return try ONNXImport(ONNXModel(bytes))
        } catch let error as ONNXRefusal {
            throw ModelFileError(.refused, path, [error.text], advice: advice)
        } catch let error as ProtobufError {
            throw ModelFileError(
                .refused, path, ["is no whole ONNX file: byte \(error.offset) makes no sense"],
                advice: "Copy it again, or export it anew")
        }
    }
}

// MARK: - In Keras's words

extension ONNXImport {
    /// The model as Keras 3 writes it.
    var configuration: JSON {
        let ports = inputs.map { input -> JSON in
            let shape = [.null] + input.extents.map { JSON.integer($0) }
            return [
                "module": "keras.layers", "class_name": "InputLayer",
                "config": ["batch_shape": .array(shape), "dtype": "float32", "name": .string(input.name)],
                "registered_name": .null, "name": .string(input.name), "inbound_nodes": [],
            ]
        }
        return [
            "module": "keras.src.models.functional", "class_name": "Functional", "registered_name": "Functional",
            "config": [
                "name": .string(model.name.isEmpty ? "model" : model.name),
                "layers": .array(ports + layers.map(\.json)),
                "input_layers": .array(inputs.map { [.string($0.name), 0, 0] }),
                "output_layers": .array(outputs.map(\.source.place)),
            ],
        ]
    }
}

extension ONNXFeature {
    /// As an argument of a call.
    fileprivate var json: JSON {
        let shape = [.null] + extents.dropFirst().map { JSON.integer($0) }
        return [
            "class_name": "__keras_tensor__",
            "config": ["shape": .array(shape), "dtype": "float32", "keras_history": source.place],
        ]
    }
}

extension ONNXFeature.Source {
    fileprivate var place: JSON { [.string(layer), 0, .integer(result)] }
}

extension ONNXImport.Layer {
    fileprivate var json: JSON {
        let tensors = inputs.map(\.json)
        if let operation = KerasOperation.named(className) {
            return operation.keras3(name: name, options, calls: [tensors])
        }
        var config = options
        config["name"] = .string(name)
        return [
            "module": "keras.layers", "class_name": .string(className), "config": .object(config),
            "registered_name": .null, "name": .string(name),
            "inbound_nodes": [["args": .array(tensors), "kwargs": [:]]],
        ]
    }

    fileprivate var storedWeights: [ModelOutline.Weight] {
        weights.map { weight in
            let place = "\(name)/\(weight.name)"
            let numbers = weight.numbers
            var stored = ModelOutline.Weight(
                name: place, path: place, shape: numbers.shape, type: numbers.stored.plain,
                byteCount: numbers.count * numbers.stored.byteCount, offset: nil)
            stored.isScaled = !stored.type.isFloat
            return stored
        }
    }
}
