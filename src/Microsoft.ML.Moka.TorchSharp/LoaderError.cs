using System.Text.RegularExpressions;

namespace Microsoft.ML.Moka.Torch;

/// <summary>What is the matter with a native library, and what to do about it, both as the middle of a sentence.</summary>
internal sealed record LoaderProblem(string What, string Cure);

/// <summary>Reads what the loaders of Linux, Windows and macOS say where a library does not load.</summary>
internal static partial class LoaderError
{
    /// <summary>The GCC that a version of libstdc++'s symbols came with: GLIBCXX_3.4.N and CXXABI_1.3.N.</summary>
    private static readonly (int Glibcxx, int Cxxabi, int Gcc)[] Compilers =
        [(28, 12, 9), (29, 13, 11), (30, 13, 12), (32, 14, 13), (33, 15, 14), (34, 16, 15)];

    private static readonly string[] Damaged =
        ["file too short", "invalid ELF header", "not a mach-o file", "0x800700C1", "wrong ELF class", "ELF load command", "incompatible architecture"];

    /// <param name="text">What the loader said.</param>
    /// <param name="library">The library that was to be loaded, without its prefix and ending.</param>
    /// <returns>Null where the text says nothing that is known.</returns>
    public static LoaderProblem? Explain(string text, string library)
    {
        if (RuntimeVersion().Match(text) is { Success: true } runtime)
            return OldRuntime(runtime);
        if (SystemVersion().Match(text) is { Success: true } system)
        {
            return new(
                $"needs a newer system than this ({system.Groups["name"].Value} is missing in its C library)",
                "take a newer one, or a container of one: Ubuntu 24.04, Debian 13");
        }
        if (UndefinedSymbol().Match(text) is { Success: true } symbol)
            return OtherVersion($"does not fit the libraries beside it (the symbol {symbol.Groups["name"].Value} is missing)");
        if (text.Contains("0x8007007F", StringComparison.OrdinalIgnoreCase))
            return OtherVersion("does not fit the libraries beside it (a procedure is missing)");
        if (Array.Find(Damaged, sign => text.Contains(sign, StringComparison.OrdinalIgnoreCase)) is { } damage)
        {
            return new(
                $"is damaged or for another kind of machine ({damage})",
                "delete its package in the NuGet package folder and restore again; where the app was published, publish it for this machine's kind " +
                "(-r linux-x64)");
        }
        var needed = MissingFile().Matches(text).Select(match => match.Groups["name"].Value)
            .FirstOrDefault(name => !name.Contains(library, StringComparison.OrdinalIgnoreCase));
        if (needed is not null)
            return new($"needs {needed}, which is not found", CureOf(needed));
        return text.Contains("0x8007007E", StringComparison.OrdinalIgnoreCase) && !text.Contains("cannot open", StringComparison.Ordinal)
            ? new(
                "needs a DLL that is not found",
                "install Microsoft's Visual C++ Redistributable for x64, and see that all DLLs of the TorchSharp package's libtorch lie in one folder")
            : null;
    }

    /// <summary>Packages that do not go together.</summary>
    public static LoaderProblem OtherVersion(string what) => new(
        what,
        $"take TorchSharp and {NativeLibraries.CudaPackage} (or TorchSharp-cpu) of one and the same version, and delete what older builds left in the " +
        "app's folder");

    private static LoaderProblem OldRuntime(Match match)
    {
        var name = match.Groups["name"].Value;
        var number = int.Parse(match.Groups["number"].Value, System.Globalization.CultureInfo.InvariantCulture);
        var isAbi = name.StartsWith("CXXABI", StringComparison.Ordinal);
        var compiler = Compilers.FirstOrDefault(known => number <= (isAbi ? known.Cxxabi : known.Glibcxx), Compilers[^1]).Gcc;
        return new(
            $"needs a newer C++ runtime than this system has ({name} is missing)",
            $"take a system with the libstdc++ of GCC {compiler} or later{(compiler <= 13 ? " (Ubuntu 24.04, Debian 13)" : "")}, " +
            "or name the folder of such a libstdc++.so.6 in LD_LIBRARY_PATH before the app starts");
    }

    private static string CureOf(string file) => file switch
    {
        _ when file.StartsWith("libcuda.so", StringComparison.Ordinal) =>
            "install NVIDIA's driver; a container is started with --gpus all, by the NVIDIA Container Toolkit",
        _ when file.StartsWith("libgomp", StringComparison.Ordinal) => "install libgomp1 (apt-get install libgomp1)",
        _ when file.StartsWith("libstdc++", StringComparison.Ordinal) => "install libstdc++6 (apt-get install libstdc++6)",
        _ when file.StartsWith("ld-linux", StringComparison.Ordinal) || file.StartsWith("libc.musl", StringComparison.Ordinal) =>
            "take a system with glibc, such as Ubuntu or Debian: PyTorch is not made for Alpine",
        _ when OfPyTorch().IsMatch(file) =>
            $"it is part of {NativeLibraries.CudaPackage}, or for the CPU of TorchSharp-cpu: add one of them, of TorchSharp's version, and restore again",
        _ => $"install the system's package that has {file}",
    };

    /// <summary>As the loader of Linux says it: version `GLIBCXX_3.4.32' not found.</summary>
    [GeneratedRegex(@"version [`'](?<name>(GLIBCXX|CXXABI)_[0-9.]*?(?<number>[0-9]+))' not found", RegexOptions.CultureInvariant)]
    private static partial Regex RuntimeVersion();

    [GeneratedRegex("version [`'](?<name>GLIBC_[0-9.]+)' not found", RegexOptions.CultureInvariant)]
    private static partial Regex SystemVersion();

    [GeneratedRegex(@"(undefined symbol|symbol not found in flat namespace|Symbol not found):? '?(?<name>[\w@.$?]+)", RegexOptions.CultureInvariant)]
    private static partial Regex UndefinedSymbol();

    [GeneratedRegex(
        @"(?<name>[\w+.-]+\.so[.0-9]*): cannot open shared object file|Library not loaded: \S*?(?<name>[\w+.-]+\.dylib)", RegexOptions.CultureInvariant)]
    private static partial Regex MissingFile();

    [GeneratedRegex("^lib(torch|c10|cud|cublas|cufft|curand|cusolver|cusparse|nv|caffe2|shm|nccl|cupti)", RegexOptions.CultureInvariant)]
    private static partial Regex OfPyTorch();
}
