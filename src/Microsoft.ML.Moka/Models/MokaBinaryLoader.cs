extern alias MlNetInternals;

using Microsoft.ML.Moka;
using Microsoft.ML.Moka.Models;
using Microsoft.ML.Runtime;
using MlNetInternals::Microsoft.ML;
using LoadableClassAttribute = MlNetInternals::Microsoft.ML.LoadableClassAttribute;

[assembly: LoadableClass(
    typeof(MokaBinaryTransformer), typeof(MokaBinaryLoader), null, typeof(SignatureLoadModel), "Moka binary classification", BinaryOutputs.Loader)]

namespace Microsoft.ML.Moka.Models;

/// <summary>What ML.NET calls to make a binary classifier from its zip, also in a process that has not used Moka before.</summary>
internal static class MokaBinaryLoader
{
#pragma warning disable IDE0051 // ML.NET finds the method by its name and parameters.
    private static MokaBinaryTransformer Create(IHostEnvironment env, ModelLoadContext ctx) =>
        ModelLoader.Load<BinaryOutputs, MokaBinaryTransformer>(
            env, ctx, (parts, backbone, adapters) => new MokaBinaryTransformer(env, parts, backbone, adapters));
#pragma warning restore IDE0051
}
