using Microsoft.ML.Moka.Torch;

namespace Microsoft.ML.Moka.Tests;

/// <summary>What loaders say, and what is told of it.</summary>
public sealed class LoaderErrorTests
{
    [Theory]
    [InlineData("/lib/libstdc++.so.6: version `GLIBCXX_3.4.32' not found (required by /app/libLibTorchSharp.so)", "GLIBCXX_3.4.32 is missing", "GCC 13")]
    [InlineData("/lib/libstdc++.so.6: version `GLIBCXX_3.4.29' not found (required by /app/libc10.so)", "GLIBCXX_3.4.29 is missing", "GCC 11")]
    [InlineData("/lib/libstdc++.so.6: version `CXXABI_1.3.15' not found", "CXXABI_1.3.15 is missing", "GCC 14")]
    [InlineData("/lib/libc.so.6: version `GLIBC_2.38' not found (required by /app/libtorch_cpu.so)", "GLIBC_2.38 is missing", "container")]
    [InlineData("/app/libtorch_cuda.so: undefined symbol: _ZN3c104cuda9GetDeviceEv", "_ZN3c104cuda9GetDeviceEv is missing", "same version")]
    [InlineData("libgomp-98b21ff3.so.1: cannot open shared object file: No such file or directory", "needs libgomp-98b21ff3.so.1", "libgomp1")]
    [InlineData("libcuda.so.1: cannot open shared object file: No such file or directory", "needs libcuda.so.1", "NVIDIA's driver")]
    [InlineData("libtorch_cuda.so: cannot open shared object file: No such file or directory", "needs libtorch_cuda.so", "TorchSharp-c")]
    [InlineData("libcudnn.so.9: cannot open shared object file: No such file or directory", "needs libcudnn.so.9", "restore again")]
    [InlineData("libfancy.so.2: cannot open shared object file: No such file or directory", "needs libfancy.so.2", "package that has libfancy.so.2")]
    [InlineData("ld-linux-x86-64.so.2: cannot open shared object file: No such file or directory", "needs ld-linux-x86-64.so.2", "Alpine")]
    [InlineData("/app/libLibTorchSharp.so: file too short", "damaged", "restore again")]
    [InlineData("/app/libLibTorchSharp.so: invalid ELF header", "damaged", "restore again")]
    [InlineData("An attempt was made to load a program with an incorrect format. (0x800700C1)", "another kind of machine", "restore again")]
    [InlineData("Unable to load DLL 'x' or one of its dependencies: The specified module could not be found. (0x8007007E)", "a DLL", "Redistributable")]
    [InlineData("The specified procedure could not be found. (0x8007007F)", "a procedure is missing", "same version")]
    public void WhatIsMissingIsNamedAndSoIsTheCure(string text, string what, string cure)
    {
        var problem = LoaderError.Explain($"Unable to load shared library 'x':\n{text}\n", "LibTorchSharp");
        Assert.Contains(what, problem?.What, StringComparison.Ordinal);
        Assert.Contains(cure, problem!.Cure, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("libLibTorchSharp.so: cannot open shared object file: No such file or directory")]
    [InlineData("something that nobody has seen")]
    public void WhatSaysNothingElseIsLeftToTheCaller(string text) => Assert.Null(LoaderError.Explain(text, "LibTorchSharp"));

    [Fact]
    public void ALibraryOfAnotherVersionIsTold()
    {
        var problem = NativeLibraries.ProblemOf(
            () => throw new TypeInitializationException("x", new EntryPointNotFoundException("Unable to find an entry point named 'THSTensor_new'.")),
            () => { });
        Assert.Contains("another version", problem, StringComparison.Ordinal);
        Assert.Contains("THSTensor_new", problem, StringComparison.Ordinal);
    }
}
