using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.ML;
using Microsoft.ML.Moka.Extensions;
using Microsoft.ML.Moka.Orleans.Grains;
using Microsoft.ML.Moka.Orleans.Serving;
using Orleans.Hosting;
using Orleans.Runtime.Hosting;

namespace Microsoft.ML.Moka;

/// <summary>Makes silos serve models.</summary>
public static class MokaServingHosting
{
    /// <summary>Makes the silo serve the models of a folder, as grains: <see cref="IMokaModelGrain"/>.</summary>
    /// <param name="silo">The silo.</param>
    /// <param name="modelsFolder">The folder, with a file <c>NAME.zip</c> for each model.</param>
    /// <param name="context">
    /// Says on which device models compute, and its log has what is odd about texts; if not given it is the CPU, and the silo's log has it.
    /// </param>
    /// <returns>The silo.</returns>
    /// <exception cref="ArgumentException">There is no such folder.</exception>
    public static ISiloBuilder AddMokaModels(this ISiloBuilder silo, string modelsFolder, MLContext? context = null) =>
        AddMokaModels(silo, new MokaServingOptions { ModelsFolder = modelsFolder }, context);

    /// <summary>Makes the silo serve the models of a folder, as grains: <see cref="IMokaModelGrain"/>.</summary>
    /// <param name="silo">The silo.</param>
    /// <param name="options">Which models, and how much at a time.</param>
    /// <param name="context">
    /// Says on which device models compute, and its log has what is odd about texts; if not given it is the CPU, and the silo's log has it.
    /// </param>
    /// <returns>The silo.</returns>
    /// <exception cref="ArgumentException">An option makes no sense.</exception>
    public static ISiloBuilder AddMokaModels(this ISiloBuilder silo, MokaServingOptions options, MLContext? context = null)
    {
        ArgumentNullException.ThrowIfNull(silo);
        ArgumentNullException.ThrowIfNull(options);
        options.Check();
        silo.Services.AddSingleton(services =>
        {
            var log = services.GetRequiredService<ILogger<ModelHost>>();
            return new ModelHost(context ?? ContextLog.NewContext(log, options.ModelsFolder), options, log);
        });
        return silo.AddPlacements();
    }

    /// <summary>The placements of all grains: any silo may have to find the place of a grain that is another's.</summary>
    internal static ISiloBuilder AddPlacements(this ISiloBuilder silo)
    {
        silo.Services.AddPlacementDirector<SiloPlacement, SiloPlacementDirector>();
        silo.Services.AddPlacementDirector<ModelPlacement, ModelPlacementDirector>();
        return silo;
    }
}
