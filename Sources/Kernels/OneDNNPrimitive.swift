#if OneDNN
    import COneDNN
    import Tensors

    /// Stops when oneDNN refuses a request: shapes were checked before, so only we can be wrong.
    func check(_ status: dnnl_status_t, _ what: StaticString = #function) {
        precondition(status == dnnl_success, "oneDNN refused \(what) with status \(status.rawValue)")
    }

    /// The processor as oneDNN sees it; the engine and its stream keep no state between calls.
    @safe private struct OneDNNEngine: @unchecked Sendable {
        let engine: dnnl_engine_t
        let stream: dnnl_stream_t

        static let shared = OneDNNEngine()

        init() {
            var engine: dnnl_engine_t?, stream: dnnl_stream_t?
            unsafe check(dnnl_engine_create(&engine, dnnl_cpu, 0))
            unsafe check(dnnl_stream_create(&stream, engine, UInt32(dnnl_stream_default_flags.rawValue)))
            guard let engine = unsafe engine, let stream = unsafe stream else {
                preconditionFailure("oneDNN has no processor to run on")
            }
            unsafe self.engine = engine
            unsafe self.stream = stream
        }
    }

    /// A compiled oneDNN operation with the memory it is bound to.
    @safe final class OneDNNPrimitive {
        private let descriptor: dnnl_primitive_desc_t
        private let primitive: dnnl_primitive_t
        private var arguments: [dnnl_exec_arg_t] = unsafe []
        private let scratchCount: Int

        convenience init(_ operation: UnsafeRawPointer, relu: Bool) {
            var attributes: dnnl_primitive_attr_t?, afterwards: dnnl_post_ops_t?, descriptor: dnnl_primitive_desc_t?
            unsafe check(dnnl_primitive_attr_create(&attributes))
            unsafe check(dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user))
            if relu {
                unsafe check(dnnl_post_ops_create(&afterwards))
                unsafe check(dnnl_post_ops_append_eltwise(afterwards, 1, dnnl_eltwise_relu, 0, 0))
                unsafe check(dnnl_primitive_attr_set_post_ops(attributes, afterwards))
                unsafe check(dnnl_post_ops_destroy(afterwards))
            }
            unsafe check(
                dnnl_primitive_desc_create(&descriptor, operation, attributes, OneDNNEngine.shared.engine, nil))
            unsafe check(dnnl_primitive_attr_destroy(attributes))
            unsafe self.init(descriptor)
        }

        convenience init(reordering from: UnsafePointer<dnnl_memory_desc_t>, to: UnsafePointer<dnnl_memory_desc_t>) {
            var attributes: dnnl_primitive_attr_t?, descriptor: dnnl_primitive_desc_t?
            let engine = unsafe OneDNNEngine.shared.engine
            unsafe check(dnnl_primitive_attr_create(&attributes))
            unsafe check(dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user))
            unsafe check(dnnl_reorder_primitive_desc_create(&descriptor, from, engine, to, engine, attributes))
            unsafe check(dnnl_primitive_attr_destroy(attributes))
            unsafe self.init(descriptor)
            unsafe add(DNNL_ARG_FROM, from)
            unsafe add(DNNL_ARG_TO, to)
        }

        private init(_ made: dnnl_primitive_desc_t?) {
            guard let descriptor = unsafe made else { preconditionFailure("oneDNN made no primitive") }
            var primitive: dnnl_primitive_t?
            unsafe check(dnnl_primitive_create(&primitive, descriptor))
            guard let primitive = unsafe primitive else { preconditionFailure("oneDNN made no primitive") }
            unsafe self.descriptor = descriptor
            unsafe self.primitive = primitive
            let scratch = unsafe dnnl_primitive_desc_query_md(descriptor, dnnl_query_scratchpad_md, 0)
            unsafe scratchCount = scratch == nil ? 0 : dnnl_memory_desc_get_size(scratch)
        }

        deinit {
            unsafe arguments.forEach { unsafe dnnl_memory_destroy($0.memory) }
            unsafe dnnl_primitive_destroy(primitive)
            unsafe dnnl_primitive_desc_destroy(descriptor)
        }

        func description(of what: dnnl_query_t, _ index: Int32 = 0) -> dnnl_memory_desc_t {
            guard let found = unsafe dnnl_primitive_desc_query_md(descriptor, what, index) else {
                preconditionFailure("oneDNN does not describe argument \(what.rawValue)")
            }
            return unsafe found.pointee
        }

        /// Says where an argument's numbers are.
        func bind(_ argument: Int32, _ tensor: Tensor) {
            let memory =
                unsafe arguments.first { unsafe $0.arg == argument }?.memory
                ?? add(argument, dnnl_primitive_desc_query_md(descriptor, dnnl_query_exec_arg_md, argument))
            unsafe check(dnnl_memory_set_data_handle(memory, tensor.base))
        }

        func run(in context: KernelContext) {
            context.withScratch(scratchCount / MemoryLayout<Float>.stride + 16) { scratch in
                if scratchCount > 0 { bindScratch(scratch) }
                let status = unsafe dnnl_primitive_execute(
                    primitive, OneDNNEngine.shared.stream, Int32(arguments.count), arguments)
                check(status)
            }
        }

        private func bindScratch(_ scratch: Tensor) {
            let memory =
                unsafe arguments.first { unsafe $0.arg == DNNL_ARG_SCRATCHPAD }?.memory
                ?? add(DNNL_ARG_SCRATCHPAD, dnnl_primitive_desc_query_md(descriptor, dnnl_query_scratchpad_md, 0))
            unsafe check(dnnl_memory_set_data_handle(memory, scratch.base))
        }

        @discardableResult
        private func add(_ argument: Int32, _ description: UnsafePointer<dnnl_memory_desc_t>?) -> dnnl_memory_t? {
            var memory: dnnl_memory_t?
            unsafe check(dnnl_memory_create(&memory, description, OneDNNEngine.shared.engine, nil))
            unsafe arguments.append(dnnl_exec_arg_t(arg: argument, memory: memory))
            return unsafe memory
        }
    }
#endif
