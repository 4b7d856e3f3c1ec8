using Microsoft.Extensions.Logging;
using Microsoft.ML.Moka;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Puts a pool of prediction engines among a program's services.</summary>
public static class MokaPredictionPoolServices
{
    /// <summary>
    /// Adds a <see cref="MokaPredictionPool{TRow, TPrediction}"/>, one for the program, which is made when it is first asked for and logs to the program's
    /// loggers. Name its files with <see cref="MokaPredictionPoolOptions.FromFile(string, bool)"/> of what is returned.
    /// </summary>
    /// <typeparam name="TRow">A class with the columns that the models read; it needs no label.</typeparam>
    /// <typeparam name="TPrediction">A class with the columns that are wanted of the prediction.</typeparam>
    /// <param name="services">The services.</param>
    /// <returns>The pool's options: <c>.FromFile("model.zip", watchForChanges: true)</c>.</returns>
    public static MokaPredictionPoolOptions AddMokaPredictionPool<TRow, TPrediction>(this IServiceCollection services)
        where TRow : class
        where TPrediction : class, new()
    {
        ArgumentNullException.ThrowIfNull(services);
        var options = new MokaPredictionPoolOptions();
        services.AddSingleton(provider => new MokaPredictionPool<TRow, TPrediction>(
            options, provider.GetService(typeof(ILogger<MokaPredictionPool<TRow, TPrediction>>)) as ILogger<MokaPredictionPool<TRow, TPrediction>>));
        return options;
    }
}
