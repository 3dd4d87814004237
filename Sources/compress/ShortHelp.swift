import Reports

/// What `-h` prints: how a command is called and its most used options, on one screen of 80 × 24; narrower windows have more
/// lines.
///
/// Tests compare every option here with the command's own, and count the lines.
enum ShortHelp {
    /// The columns of a screen; wider ones are not filled, since long lines are hard to read.
    private static let mostColumns = 80

    /// What the program prints when it is run without a word.
    static func beginning(width: Int) -> String { wrappedLines(first, width: min(width, mostColumns)) }

    static func text(of command: String, width: Int) -> String {
        wrappedLines(texts[command] ?? "", width: min(width, mostColumns))
    }

    private static let first = """
        compress makes one small model of several trained ones, within a budget of bytes. It needs your models, the data, \
        the budget and a name for the result:

          compress --teachers a.h5 b.keras --data digits.npz --budget 100kB \\
            --output student.h5

        digits.npz holds the arrays x_train, y_train, x_test and y_test, as numpy.savez writes them. HDF5 with train/x, \
        train/y, test/x and test/y is read as well. Add --dry-run to see sizes, memory and time before anything is written.

        compress -h shows the most used options, compress --help all of them.

        """

    private static let texts = [
        "distill": """
        usage: compress --teachers PATH ... --data PATH --budget SIZE --output PATH

        Distil several models into one small student that fits a byte budget.

        required:
          --teachers PATH ...      trained models (.h5, .keras, .onnx), or what \
        any model predicted: name=p.npz, p.h5, p.csv
          --data PATH              examples and labels: NumPy (.npz) or HDF5 (.h5)
          --budget SIZE            most bytes of the student's file: 250kB, 1GB, 1GiB
          --output PATH            the student: .h5, .keras, .onnx or .safetensors
        most used:
          --student NAME|PATH      a student by name, or an architecture (.yaml, .h5)
          --epochs N               passes over the training examples
          --temperature T          softens predictions: a number or a schedule
          --baseline               compare with the same student on labels alone
          --teacher-input RULES    feed a model otherwise: 'conv=scale:0.00392157'
          --augment STEPS          change examples at random: crop:4,flip
          --dry-run                print sizes, memory and time, and stop
          --resume DIR             go on with a stopped run
          --force                  replace the earlier run in the run directory

        others: teach, train, evaluate, predict, inspect, report, convert, layers, …
        all options: compress --help    a command: compress COMMAND -h

        """,
        "teach": """
        usage: compress teach --teachers PATH ... --data PATH --run-directory DIR

        Compute some of the teachers' predictions for the main job.

        required:
          --teachers PATH ...      the teachers of the main job
          --data PATH              its examples
          --run-directory DIR      its run directory, which need not have begun
        most used:
          --part I/N               which of how many parts: 3/16
          --configuration PATH     the main job's options in a file
          --soft-targets FORM      how predictions are stored: top:20

        all options: compress teach --help

        """,
        "train": """
        usage: compress train --architecture PATH --data PATH --output PATH

        Train one model on the true labels: a teacher, or a student to compare with.

        required:
          --architecture PATH      layers in words (.yaml), or a Keras model (.h5)
          --data PATH              examples and labels: NumPy (.npz) or HDF5 (.h5)
          --output PATH            the model: .h5, .keras, .onnx or .safetensors
        most used:
          --width X                the multiplier of the architecture's widths
          --epochs N               passes over the training examples
          --batch-size N           examples in a step
          --learning-rate X        the highest learning rate
          --augment STEPS          change examples at random: crop:4,flip
          --keep-best              keep the epoch with the best validation score
          --early-stopping N       stop after N epochs without a better score
          --folds K                K models, and their out-of-fold predictions
          --run-directory DIR      keep checkpoints and metrics there
          --resume DIR             go on with a stopped run

        all options: compress train --help

        """,
        "evaluate": """
        usage: compress evaluate MODEL ... --data PATH

        Measure models on labeled examples, each by itself and together.

        required:
          MODEL ...                trained models: .h5, .keras, .onnx
          --data PATH              examples and labels: NumPy (.npz) or HDF5 (.h5)
        most used:
          --split NAME             test, validation or train
          --ensemble               the mean of the models' probabilities, too
          --per-class              each class, confusion matrix, calibration
          --latency                how long predictions take
          --teacher-input RULES    feed a model otherwise: 'conv=scale:0.00392157'
          --teacher-classes LIST   the order of a model's classes: 'conv=labels.txt'
          --json                   the result as JSON

        all options: compress evaluate --help

        """,
        "predict": """
        usage: compress predict MODEL --inputs FILE:DATASET ... --output PATH
               compress predict MODEL ... --data PATH --output PATH

        Write what a model's last layer gives for each example, or predictions for a whole data file, which --teachers \
        takes in the place of the models.

        required:
          MODEL                    a trained model: .h5, .keras, .onnx
          --inputs FILE:DATASET ...
                                   one dataset for each input, such as d.h5:test/x
          --data PATH              or all rows of a data file: train, test and so on
          --output PATH            the predictions: .h5, with --data also .npz
        most used:
          --teacher-input RULES    feed the model otherwise: '*=scale:0.00392157'

        all options: compress predict --help

        """,
        "inspect": """
        usage: compress inspect PATH ... [--budget SIZE]

        Print the layers of models and architectures, and the bytes they take; or what is in data files.

          PATH ...                 models (.h5, .keras, .onnx), architectures (.yaml), \
        or data (.h5, .npz)
          --budget SIZE            say whether all together fit: 250kB, 1GB, 1GiB
          --latency                how long predictions take
          --html PATH              a page of data, with pictures of each class
          --json                   the result as JSON

        all options: compress inspect --help

        """,
        "report": """
        usage: compress report RUN [RUN ...]

        Make the page of a run anew, or one that compares several.

          RUN ...                  run directories, such as student.run
          --output PATH            the page: report.html in the run directory, or of \
        several runs comparison.html
          --json                   the result as JSON

        all options: compress report --help

        """,
        "convert": """
        usage: compress convert MODEL --output PATH

        Write a model in another format, or in fewer bytes.

          MODEL                    a trained model: .h5, .keras, .onnx
          --output PATH            the same model: .h5, .keras, .onnx or .safetensors
          --budget SIZE            fewer bits a weight, until the file fits
          --data PATH              measure both on held-out examples

        all options: compress convert --help

        """,
        "layers": """
        usage: compress layers

        List the layers of Keras, and what can be done with each.

        all options: compress layers --help

        """,
        "import": """
        usage: compress import FORMAT SOURCE ... --output PATH

        Make a data file (HDF5) of other people's files. NumPy archives (.npz) need no import: other commands read them \
        as they are.

          FORMAT                   csv, images, npz, idx, cifar10, cifar100 or \
        youtube8m, each with options of its own
          SOURCE ...               a folder, or files
          --output PATH            the data file to write
          --label COLUMN           csv: the column of the class
          --resize HxW             images: the size of all images
          --test X                 a share of each class; csv, images: or a path
          --validation X           the same; other formats: the last N training examples
          --class-names NAME ...   the names of the classes, from class 0 on

        all options of a format: compress import FORMAT --help

        """,
    ]
}
