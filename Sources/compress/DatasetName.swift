public import ArgumentParser
public import Models

extension DatasetName: ExpressibleByArgument {
    public init?(argument: String) { self.init(argument) }
}
