namespace Microsoft.ML.Moka;

/// <summary>What a finding of <see cref="MokaDiagnostics"/> is about.</summary>
public enum DiagnosticArea
{
    /// <summary>The runtime, the system, and the packages of the program.</summary>
    Program,

    /// <summary>What the processor's kernels are made of.</summary>
    Processor,

    /// <summary>PyTorch's and TorchSharp's native libraries.</summary>
    NativeLibrary,

    /// <summary>GPUs, their driver and CUDA.</summary>
    Gpu,

    /// <summary>Results of kernels beside the same in double precision.</summary>
    Kernels,

    /// <summary>A few steps of training.</summary>
    Training,
}

/// <summary>How a finding of <see cref="MokaDiagnostics"/> is to be taken.</summary>
public enum DiagnosticStatus
{
    /// <summary>A fact, which is neither good nor bad.</summary>
    Information,

    /// <summary>It was checked, and is as it should be.</summary>
    Passed,

    /// <summary>It works, and something about it had better be known.</summary>
    Warning,

    /// <summary>It does not work.</summary>
    Failed,
}

/// <summary>One thing that <see cref="MokaDiagnostics"/> found.</summary>
/// <param name="Area">What it is about.</param>
/// <param name="Name">What was looked at, "AMX" for example: the same in every run.</param>
/// <param name="Status">How it is to be taken.</param>
/// <param name="Value">What was found.</param>
/// <param name="Remedy">What to do about it; null where nothing has to be done.</param>
public sealed record DiagnosticFinding(DiagnosticArea Area, string Name, DiagnosticStatus Status, string Value, string? Remedy = null);
