extern alias MlNetInternals;

using Microsoft.ML.Moka;
using Microsoft.ML.Moka.Models;
using Microsoft.ML.Runtime;
using MlNetInternals::Microsoft.ML;
using LoadableClassAttribute = MlNetInternals::Microsoft.ML.LoadableClassAttribute;

[assembly: LoadableClass(
    typeof(MokaTextGenerator), typeof(MokaTextGeneratorLoader), null, typeof(SignatureLoadModel), "Moka text generator", TextOutputs.Loader)]

namespace Microsoft.ML.Moka.Models;

/// <summary>What ML.NET calls to make a generator from its zip, also in a process that has not used Moka before.</summary>
internal static class MokaTextGeneratorLoader
{
#pragma warning disable IDE0051 // ML.NET finds the method by its name and parameters.
    private static MokaTextGenerator Create(IHostEnvironment env, ModelLoadContext ctx) =>
        ModelLoader.Load<TextOutputs, MokaTextGenerator>(env, ctx, (parts, backbone, adapters) => new MokaTextGenerator(env, parts, backbone, adapters));
#pragma warning restore IDE0051
}
